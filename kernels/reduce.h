// SPDX-License-Identifier: Apache-2.0
// Reductions over one axis of (outer, n, inner).
//   math     sum: y[o,i] = scale·Σ_k x[o,k,i];  squares: y[o,i] = scale·Σ_k x[o,k,i]²;
//            max: y[o,i] = max_k x[o,k,i] (NaN is the largest), index = first such k;
//            min: y[o,i] = min_k x[o,k,i] (NaN is the smallest), index = first such k;
//            repeat: y[o,k,i] = scale·x[o,i]
//   shapes   x (outer, n, inner), y and index (outer, inner)
//   saved    nothing
//   aliasing none
//   source   sums are computed in blocks of fixed size and added in order, so the result does
//            not depend on the number of threads; Note [Sums] in kernels/common/half.h
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

struct ReduceShape {
  i64 outer = 1, n = 1, inner = 1;
};

// A sum over several runs of axes is double between its steps, so that it is rounded once.
template <class To, class From, class Device>
void reduce_sum(Device device, To* y, const From* x, double scale, const ReduceShape& shape);
template <class From, class Device>
void reduce_squares(Device device, double* y, const From* x, double scale,
                    const ReduceShape& shape);
enum class Extreme { max, min };
// `index` may be null. n must be at least 1.
template <class T, class Device>
void reduce_extreme(Device device, Extreme which, T* y, i64* index, const T* x,
                    const ReduceShape& shape);
template <class T, class Device>
void repeat(Device device, T* y, const T* x, double scale, const ReduceShape& shape);

}  // namespace weft::kernels
