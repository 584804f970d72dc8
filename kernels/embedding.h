// SPDX-License-Identifier: Apache-2.0
// Rows of a table, by number.
//   math     y[i,c] = table[index[i],c];  dtable[k,c] = Σ_{i: index[i]=k} dy[i,c]
//   shapes   table, dtable (rows, cols); index (n); y, dy (n, cols)
//   saved    index
//   aliasing none
//   source   the sum runs in the order of i, whatever the number of threads, unless embedding_atomics is set
#pragma once
#include <atomic>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// An index outside [0, rows) gives NaN and *bad its position in `index` (the first one's; −1 if none).
template <class T>
void embedding_forward(Cpu, T* y, i64* bad, const T* table, const i64* index, i64 n, i64 rows,
                       i64 cols);
template <class T>
void embedding_forward(Cuda, T* y, i64* bad, const T* table, const i64* index, i64 n, i64 rows,
                       i64 cols);
// Whether a GPU sums dtable by atomics: each of dy's rows is added once, by whoever comes by, where in order each row of
// the table asks for its own. Faster for large tables, and other last bits from run to run.
inline std::atomic<bool> embedding_atomics{false};

// Indices must be in [0, rows).
template <class T>
void embedding_backward(Cpu, T* dtable, const T* dy, const i64* index, i64 n, i64 rows, i64 cols);
template <class T>
void embedding_backward(Cuda, T* dtable, const T* dy, const i64* index, i64 n, i64 rows, i64 cols);

}  // namespace weft::kernels
