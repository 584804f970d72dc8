// SPDX-License-Identifier: Apache-2.0
// Looks up rows of a table by index.
//   math     y[i,c] = table[index[i],c];  dtable[k,c] = Σ_{i: index[i]=k} dy[i,c]
//   shapes   table, dtable (rows, cols); index (n); y, dy (n, cols)
//   saved    index
//   aliasing none
//   source   the sum (Note [Sums] in kernels/common/half.h) is in the order of i for any number of
//            threads, unless
//            embedding_atomics is set
#pragma once
#include <atomic>

#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// An index outside [0, rows) gives a row of NaN. *bad is the position of the first such index in
// `index`, or −1 if there is none.
template <class T, class Device>
void embedding_forward(Device device, Rows<T> y, i64* bad, Rows<const T> table, const i64* index);

// Whether a GPU sums dtable by atomics. With atomics, each row of dy is added once, in any order.
// Without atomics, each row of the table gathers its contributions in order. Atomics are faster for
// large tables, but the last bits differ from run to run.
inline std::atomic<bool> embedding_atomics{false};

// Indices must be in [0, rows) on the CPU. On a GPU an index outside adds to no row.
template <class T, class Device>
void embedding_backward(Device device, Rows<T> dtable, Rows<const T> dy, const i64* index);

}  // namespace weft::kernels
