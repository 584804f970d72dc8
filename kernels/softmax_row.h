// SPDX-License-Identifier: Apache-2.0
// One row of a softmax on the CPU; to be called inside simd().
#pragma once
#include "weft/core/types.h"
#include "weft/kernels/math.h"

namespace weft::kernels {

// Reductions over a row go through lanes, so that they vectorise without reordering by the compiler.
inline constexpr i64 kRowLanes = 16;

template <class T>
inline T row_max(const T* x, i64 n) {
  T lane[kRowLanes];
  for (T& value : lane) value = -INFINITY;
  i64 i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes)
    for (i64 l = 0; l < kRowLanes; ++l) lane[l] = x[i + l] > lane[l] ? x[i + l] : lane[l];
  for (; i < n; ++i) lane[0] = x[i] > lane[0] ? x[i] : lane[0];
  T best = lane[0];
  for (const T value : lane) best = value > best ? value : best;
  return best;
}

// Σ term(i)
template <class T, class Term>
inline T row_sum(i64 n, const Term& term) {
  T lane[kRowLanes] = {};
  i64 i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes)
    for (i64 l = 0; l < kRowLanes; ++l) lane[l] += term(i + l);
  for (; i < n; ++i) lane[0] += term(i);
  T total = 0;
  for (const T value : lane) total += value;
  return total;
}

// ln Σ e^x, exact to rounding for any finite x; NaN in gives NaN out.
template <class T>
inline T row_log_sum_exp(const T* x, i64 n) {
  const T m = row_max(x, n);
  return m + math::log(row_sum<T>(n, [=](i64 i) { return math::exp(x[i] - m); }));
}

}  // namespace weft::kernels
