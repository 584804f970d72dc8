// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/inputs.h"

namespace weft::testing {
namespace {

template <class Distribution>
Tensor drawn(const Shape& shape, std::mt19937_64& engine, Distribution distribution) {
  Tensor x = Tensor::empty(shape, DType::f64);
  for (double& value : x.values<double>()) value = static_cast<float>(distribution(engine));
  return x;
}

}  // namespace

Tensor Draw::normal(const Shape& shape) const {
  return drawn(shape, engine, std::normal_distribution<double>());
}
Tensor Draw::uniform(const Shape& shape, double low, double high) const {
  return drawn(shape, engine, std::uniform_real_distribution<double>(low, high));
}
Tensor Draw::integers(const Shape& shape, i64 end) const {
  Tensor x = Tensor::empty(shape, DType::int64);
  for (i64& value : x.values<i64>()) value = std::uniform_int_distribution<i64>(0, end - 1)(engine);
  return x;
}

Tensor matrix(const Draw& draw) { return draw.normal({draw.size.rows, draw.size.cols}); }
Tensor vector(const Draw& draw) { return draw.normal({draw.size.cols}); }
Tensor scalar(const Draw& draw) { return draw.normal({}); }
Tensor positive(const Draw& draw) {
  return draw.uniform({draw.size.rows, draw.size.cols}, 0.5, 2.0);
}
Tensor labels(const Draw& draw) { return draw.integers({draw.size.rows}, draw.size.cols); }

Input like(std::size_t input) {
  return [=](const Draw& draw) { return draw.normal(draw.before[input].shape()); };
}
Input row_of(std::size_t input) {
  return [=](const Draw& draw) { return draw.normal({draw.before[input].size(-1)}); };
}
Input column_of(std::size_t input) {
  return [=](const Draw& draw) { return draw.normal(draw.before[input].shape().with(-1, 1)); };
}
Input positive_row_of(std::size_t input) {
  return [=](const Draw& draw) { return draw.uniform({draw.before[input].size(-1)}, 0.5, 2.0); };
}
Input shaped(const Shape& shape) {
  return [=](const Draw& draw) { return draw.normal(shape); };
}
Input image(i64 batch, i64 channels) {
  return [=](const Draw& draw) {
    return draw.normal({batch, draw.size.rows, draw.size.cols, channels});
  };
}

}  // namespace weft::testing
