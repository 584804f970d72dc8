// SPDX-License-Identifier: Apache-2.0
// Counts the rows whose label is among the k largest entries. With k = 1 this is accuracy.
//   math     count[0] += #{r : #{c : x[r,c] > x[r,l] or (x[r,c] = x[r,l] and c < l)} < k},
//            with l = label[r]
//            a row whose label entry is NaN does not count
//   shapes   x (rows, cols), label (rows), count () on the device
//   saved    nothing
//   aliasing none
//   source   a tie counts for the lower index, as in argmax
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

template <class T, class Device>
void count_top_k(Device device, i64* count, Rows<const T> x, const i64* label, i64 k);

}  // namespace weft::kernels
