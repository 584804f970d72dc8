// SPDX-License-Identifier: Apache-2.0
// Dropout, with a mask that is computed where it is needed and never stored.
//   math     y[s,e] = x[s,e]/(1 − p) where u[s,e] ≥ p, else 0;  the backward pass is the same function of dy.
//            u = word e mod 4 of philox(key = seed; counter words e/4, first + s, ordinal, step) / 2³²
//   shapes   x, y (samples, elements); numbers (3): seed, step, first sample, on the device
//   saved    numbers
//   aliasing y may be x
//   source   Srivastava et al. 2014, "Dropout"; Note [Random ops] in tensor/random.h
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

template <class T>
void dropout(Cpu, T* y, const T* x, const i64* numbers, i64 ordinal, double p, i64 samples,
             i64 elements);
template <class T>
void dropout(Cuda, T* y, const T* x, const i64* numbers, i64 ordinal, double p, i64 samples,
             i64 elements);

}  // namespace weft::kernels
