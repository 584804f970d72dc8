// SPDX-License-Identifier: Apache-2.0
// The largest elements of each row, in descending order.
//   math     values[r,j] = x[r,index[r,j]], where index[r] names the first k columns of row r by
//            the order of kernels/common/best.h (NaN, then larger values, then smaller columns)
//   shapes   x (rows, cols); values (rows, k) and index (rows, k) with k ≤ cols
//   saved    index (gather.h has the gradient)
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

template <class T, class Device>
void top_k(Device device, Rows<T> values, i64* index, Rows<const T> x);

}  // namespace weft::kernels
