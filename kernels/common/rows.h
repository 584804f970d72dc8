// SPDX-License-Identifier: Apache-2.0
// Rows of a matrix on the CPU: a parallel loop over rows, and the sum and the maximum of one row.
#pragma once
#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {

// Calls body(r) for every row in vector code. Threads share the rows if there is enough work.
template <class Body>
void for_rows(i64 rows, i64 cols, const Body& body) {
  parallel_for(rows, 4096 / (cols + 1) + 1, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 r = begin; r < end; ++r) body(r);
    });
  });
}

// The reductions over a row must be called inside for_rows() or simd(). They keep kRowLanes partial
// results, so that the compiler can vectorise them without reordering sums.
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

// Σ term(i), see Note [Sums]
template <class Term>
inline double row_sum(i64 n, const Term& term) {
  double lane[kRowLanes] = {};
  i64 i = 0;
  for (; i + kRowLanes <= n; i += kRowLanes)
    for (i64 l = 0; l < kRowLanes; ++l) lane[l] += static_cast<double>(term(i + l));
  for (; i < n; ++i) lane[0] += static_cast<double>(term(i));
  double total = 0;
  for (const double value : lane) total += value;
  return total;
}

}  // namespace weft::kernels
