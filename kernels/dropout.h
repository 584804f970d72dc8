// SPDX-License-Identifier: Apache-2.0
// Dropout. The forward and the backward pass compute the mask, which is never stored.
//   math     y[s,e] = x[s,e]/(1 − p) where u[s,e] ≥ p, else 0;
//            the backward pass is the same function of dy.
//            u = word e mod 4 of philox(key = seed; counter words e/4, first + s, ordinal, step)
//                     / 2³²
//   shapes   x, y (samples, elements); numbers (3): seed, step, first sample, on the device
//   saved    numbers
//   aliasing y may be x
//   source   Srivastava et al. 2014, "Dropout"; Note [Random ops] in tensor/random.h
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// Each row is one sample.
template <class T, class Device>
void dropout(Device device, Rows<T> y, Rows<const T> x, const i64* numbers, i64 ordinal, double p);

}  // namespace weft::kernels
