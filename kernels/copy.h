// SPDX-License-Identifier: Apache-2.0
// Copies, fills and converts arrays.
//   math     convert: y[i] = To(x[i]), as kernels/common/convert_any.h says
//            fill: y[i] = T(value)
//   shapes   x and y of one size, in elements or bytes
//   saved    nothing
//   aliasing x and y must not overlap
//   source   none
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// Copies `bytes` bytes. A copy from host to device has read x when the call returns. A copy from
// device to host waits for the stream, so y is complete when the call returns.
template <class To, class From>
void copy(To to, From from, void* y, const void* x, i64 bytes);
template <class Device>
void zero(Device device, void* y, i64 bytes);

// fill and convert exist for every element type of dtype.h.
template <class T, class Device>
void fill(Device device, Span<T> y, double value);
template <class To, class From, class Device>
void convert(Device device, Span<To> y, Span<const From> x);

}  // namespace weft::kernels
