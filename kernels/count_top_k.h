// SPDX-License-Identifier: Apache-2.0
// How many rows have their label among the k largest entries: accuracy for k = 1.
//   math     count[0] += #{r : #{c : x[r,c] > x[r,l] or (x[r,c] = x[r,l] and c < l)} < k, l = label[r]}
//            a row whose label entry is NaN does not count
//   shapes   x (rows, cols), label (rows), count () on the device
//   saved    nothing
//   aliasing none
//   source   ties go to the lower index, as argmax does
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

template <class T>
void count_top_k(Cpu, i64* count, const T* x, const i64* label, i64 k, i64 rows, i64 cols);
template <class T>
void count_top_k(Cuda, i64* count, const T* x, const i64* label, i64 k, i64 rows, i64 cols);

}  // namespace weft::kernels
