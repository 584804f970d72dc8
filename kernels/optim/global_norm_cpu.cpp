// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/global_norm.h"

#include <cmath>

#include "weft/device/parallel.h"
#include "weft/device/simd.h"

namespace weft::kernels {
namespace {

// The sum has sixteen partial sums for any vector width. The square of a float is exact in double,
// so the result for float is bit-identical on every machine.
template <class T>
double sum_of_squares(const T* x, i64 length) {
  constexpr i64 kLanes = 16;
  double lanes[kLanes] = {};
  i64 i = 0;
  for (; i + kLanes <= length; i += kLanes)
    for (i64 lane = 0; lane < kLanes; ++lane) {
      const auto value = static_cast<double>(x[i + lane]);
      lanes[lane] += value * value;
    }
  for (; i < length; ++i)
    lanes[i % kLanes] += static_cast<double>(x[i]) * static_cast<double>(x[i]);
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

template <class T>
void squares(const ParameterTable<T>& table, double* partials) {
  parallel_for(table.chunk_count, 2, [&](i64 begin, i64 end) {
    simd([&] {
      for (i64 c = begin; c < end; ++c) {
        const Chunk& chunk = table.chunks[c];
        const Segment<T>& segment = table.segments[chunk.segment];
        partials[c] = segment.active ? sum_of_squares(segment.grad + chunk.begin, chunk.length) : 0;
      }
    });
  });
}

}  // namespace

template <>
void clip_by_squares(Cpu, const double* partials, i64 count, double max_norm,
                     StepControl* control) {
  double sum = 0;
  for (i64 c = 0; c < count; ++c) sum += partials[c];
  const double length = std::sqrt(sum) * control->grad_scale;
  control->grad_norm = length;
  if (!std::isfinite(length)) control->skip = true;
  if (max_norm > 0 && length > max_norm) control->grad_scale *= max_norm / (length + 1e-6);
}

#define WEFT_GLOBAL_NORM(T)                                                                       \
  template <>                                                                                     \
  void square_sums(Cpu, const ParameterTable<T>& table, double* partials) {                       \
    squares(table, partials);                                                                     \
  }                                                                                               \
  template <>                                                                                     \
  void global_norm(Cpu device, const ParameterTable<T>& table, double max_norm, double* partials, \
                   StepControl* control) {                                                        \
    squares(table, partials);                                                                     \
    clip_by_squares(device, partials, table.chunk_count, max_norm, control);                      \
  }
WEFT_GLOBAL_NORM(float)
WEFT_GLOBAL_NORM(double)

}  // namespace weft::kernels
