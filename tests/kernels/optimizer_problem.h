// SPDX-License-Identifier: Apache-2.0
// Parameters, gradients and state for tests of optimizer kernels, with their table.
#pragma once
#include <algorithm>
#include <cmath>
#include <vector>

#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

template <class T>
struct OptimizerProblem {
  struct Parameter {
    std::vector<T> value, grad, first, second;
  };

  explicit OptimizerProblem(const std::vector<i64>& lengths) {
    double i = 0;
    for (const i64 length : lengths) {
      const auto n = static_cast<std::size_t>(length);
      Parameter p{std::vector<T>(n), std::vector<T>(n), std::vector<T>(n), std::vector<T>(n)};
      for (std::size_t j = 0; j < n; ++j, ++i) {
        p.value[j] = static_cast<T>(std::sin(0.7 * (i + 1)));
        p.grad[j] = static_cast<T>(std::cos(1.3 * i));
      }
      parameters.push_back(std::move(p));
    }
    for (std::size_t s = 0; s < parameters.size(); ++s) {
      Parameter& p = parameters[s];
      segments.push_back({.param = p.value.data(),
                          .grad = p.grad.data(),
                          .first = p.first.data(),
                          .second = p.second.data(),
                          .length = lengths[s]});
      for (i64 begin = 0; begin < lengths[s]; begin += kChunkElements)
        chunks.push_back(
            {static_cast<i64>(s), begin, std::min(kChunkElements, lengths[s] - begin)});
    }
  }
  OptimizerProblem(const OptimizerProblem&) = delete;  // the table points into this object

  ParameterTable<T> table() {
    return {segments.data(), static_cast<i64>(segments.size()), chunks.data(),
            static_cast<i64>(chunks.size())};
  }

  std::vector<Parameter> parameters;
  std::vector<Segment<T>> segments;
  std::vector<Chunk> chunks;
};

}  // namespace weft::kernels
