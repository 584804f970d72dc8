// SPDX-License-Identifier: Apache-2.0
// Rows of an array, by number, whatever they hold: a batch of a dataset.
//   math     y[i] = x[index[i]], byte for byte
//   shapes   x (rows, row_bytes); index (n); y (n, row_bytes)
//   saved    nothing: samples have no gradient (embedding.h is for rows that have one)
//   aliasing none
//   source   none
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

// An index outside [0, rows) gives a row of bytes 0xff: NaN, or −1.
void gather_rows(Cpu, void* y, const void* x, const i64* index, i64 n, i64 rows, i64 row_bytes);
void gather_rows(Cuda, void* y, const void* x, const i64* index, i64 n, i64 rows, i64 row_bytes);

}  // namespace weft::kernels
