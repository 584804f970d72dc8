// SPDX-License-Identifier: Apache-2.0
// Rows of a table, by number.
//   math     y[i,c] = table[index[i],c];  dtable[k,c] = Σ_{i: index[i]=k} dy[i,c]
//   shapes   table, dtable (rows, cols); index (n); y, dy (n, cols)
//   saved    index
//   aliasing none
//   source   the sum runs in the order of i, whatever the number of threads, unless
//            embedding_atomics is set
#pragma once
#include <atomic>

#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// An index outside [0, rows) gives NaN and *bad its position in `index` (the first one's; −1 if
// none).
template <class T, class Device>
void embedding_forward(Device device, Rows<T> y, i64* bad, Rows<const T> table, const i64* index);
// Whether a GPU sums dtable by atomics: each of dy's rows is added once, by whoever comes by, where
// in order each row of the table asks for its own. Faster for large tables, and other last bits
// from run to run.
inline std::atomic<bool> embedding_atomics{false};

// Indices must be in [0, rows).
template <class T, class Device>
void embedding_backward(Device device, Rows<T> dtable, Rows<const T> dy, const i64* index);

}  // namespace weft::kernels
