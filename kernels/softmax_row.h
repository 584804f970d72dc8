// SPDX-License-Identifier: Apache-2.0
// One row of a softmax on the CPU. The functions must be called inside simd().
#pragma once
#include "weft/kernels/common/math.h"
#include "weft/kernels/common/rows.h"

namespace weft::kernels {

// ln Σ e^x, which does not overflow for any finite x. A NaN in x gives NaN.
template <class T>
inline T row_log_sum_exp(const T* x, i64 n) {
  const T m = row_max(x, n);
  return m + math::log(row_sum<T>(n, [=](i64 i) { return math::exp(x[i] - m); }));
}

}  // namespace weft::kernels
