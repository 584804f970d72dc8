// SPDX-License-Identifier: Apache-2.0
// Gathers rows of an array of any type by index, for example a batch of a dataset.
//   math     y[i] = x[index[i]], byte for byte
//   shapes   x (rows, row_bytes); index (n); y (n, row_bytes)
//   saved    nothing, because samples have no gradient (embedding.h has one)
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// An index outside [0, rows) gives a row of bytes 0xff, which are NaN or −1.
template <class Device>
void gather_rows(Device device, Rows<u8> y, Rows<const u8> x, const i64* index);

}  // namespace weft::kernels
