// SPDX-License-Identifier: Apache-2.0
// One row of a softmax on the CPU. The functions must be called inside simd().
#pragma once
#include "weft/kernels/common/math.h"
#include "weft/kernels/common/rows.h"

namespace weft::kernels {

// Note [Log of a sum of exponentials]
// ln Σ e^x = max + log_sum, with log_sum = ln Σ e^(x − max) between 0 and ln n. The two are kept
// apart, and x − ln Σ e^x is computed as (x − max) − log_sum, because max + log_sum would be
// rounded to the digits of a large maximum.
template <class T>
struct LogSumExp {
  T max, log_sum;
};
// NaN in gives NaN out.
template <class T>
inline LogSumExp<T> row_log_sum_exp(const T* x, i64 n) {
  const T m = row_max(x, n);
  const double sum = row_sum(n, [=](i64 i) { return math::exp(x[i] - m); });
  return {m, math::log(static_cast<T>(sum))};
}

}  // namespace weft::kernels
