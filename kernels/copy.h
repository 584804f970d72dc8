// SPDX-License-Identifier: Apache-2.0
// Moving, filling and converting numbers.
//   math     convert: y[i] = To(x[i]), floating to integer truncates toward zero, to half types rounds
//            to nearest even; fill: y[i] = T(value)
//   shapes   n elements, or bytes
//   saved    nothing
//   aliasing x and y must not overlap
//   source   none
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"

namespace weft::kernels {

void copy(Cpu to, Cpu from, void* y, const void* x, i64 bytes);
void zero(Cpu, void* y, i64 bytes);
void copy(Cuda to, Cuda from, void* y, const void* x, i64 bytes);
void zero(Cuda, void* y, i64 bytes);
// Between host and device. Up: x may be changed when the call returns. Down: waits for the stream.
void copy(Cuda to, Cpu from, void* y, const void* x, i64 bytes);
void copy(Cpu to, Cuda from, void* y, const void* x, i64 bytes);

// Every element type of dtype.h.
template <class T>
void fill(Cpu, T* y, double value, i64 n);
template <class To, class From>
void convert(Cpu, To* y, const From* x, i64 n);
template <class T>
void fill(Cuda, T* y, double value, i64 n);
template <class To, class From>
void convert(Cuda, To* y, const From* x, i64 n);

}  // namespace weft::kernels
