// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/init.h"

#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

struct Moments {
  double mean, std, low, high;
};
Moments moments_of(const Tensor& t) {
  Moments m{0, 0, INFINITY, -INFINITY};
  const std::vector<double> values = doubles(t);
  const double n = static_cast<double>(values.size());
  for (const double v : values) {
    m.mean += v / n;
    m.low = std::min(m.low, v);
    m.high = std::max(m.high, v);
  }
  for (const double v : values) m.std += (v - m.mean) * (v - m.mean) / n;
  m.std = std::sqrt(m.std);
  return m;
}

// A convolution weight with fan_in 3·3·16 = 144 and fan_out 3·3·64 = 576. It has 9,216 elements, so
// its standard deviation is known to about 1 %.
const Shape kKernel{64, 3, 3, 16};

TEST(Init, Fans) {
  const init::Fans kernel = init::fans(Tensor::empty(kKernel)),
                   matrix = init::fans(Tensor::empty({10, 7}));
  EXPECT_EQ(kernel.in, 144);
  EXPECT_EQ(kernel.out, 576);
  EXPECT_EQ(matrix.in, 7);
  EXPECT_EQ(matrix.out, 10);
  EXPECT_CONTAINS(error_of([] { init::fans(Tensor::empty({3})); }), "at least two axes");
}

TEST(Init, NormalOnesHaveTheirStandardDeviation) {
  Generator generator(1);
  const Tensor w = Tensor::empty(kKernel);
  const auto expect_std = [&](double std) {
    const Moments m = moments_of(w);
    EXPECT_NEAR(m.std / std, 1, 0.03);
    EXPECT_NEAR(m.mean / std, 0, 0.05);
    EXPECT_GT(m.high, 2.5 * std);
  };
  init::kaiming_normal(w, std::sqrt(2.0), init::Fan::in, generator);
  expect_std(std::sqrt(2.0 / 144));
  init::kaiming_normal(w, std::sqrt(2.0), init::Fan::out, generator);
  expect_std(std::sqrt(2.0 / 576));
  init::xavier_normal(w, 1.5, generator);
  expect_std(1.5 * std::sqrt(2.0 / 720));
  init::normal(w, 0, 0.3, generator);
  expect_std(0.3);
}

TEST(Init, UniformOnesHaveTheirBounds) {
  Generator generator(1);
  const Tensor w = Tensor::empty(kKernel);
  const auto expect_bound = [&](double bound) {
    const Moments m = moments_of(w);
    EXPECT_LE(m.high, bound * 1.000001);
    EXPECT_GE(m.low, -bound * 1.000001);
    EXPECT_GT(m.high, 0.99 * bound);
    EXPECT_LT(m.low, -0.99 * bound);
    EXPECT_NEAR(m.std / (bound / std::sqrt(3.0)), 1, 0.03);
  };
  init::kaiming_uniform(w, std::sqrt(2.0), init::Fan::in, generator);
  expect_bound(std::sqrt(6.0 / 144));
  init::xavier_uniform(w, 1, generator);
  expect_bound(std::sqrt(6.0 / 720));
  const Tensor bias = Tensor::empty({64});
  init::default_linear(w, bias, generator);
  expect_bound(1.0 / 12);
  EXPECT_LE(moments_of(bias).high, 1.0 / 12);
}

TEST(Init, TruncatedNormalStaysWithin) {
  Generator generator(1);
  const Tensor w = Tensor::empty(kKernel);
  init::trunc_normal(w, 0.1, 0.5, -0.4, 1.1, generator);
  const Moments m = moments_of(w);
  EXPECT_GE(m.low, -0.4);
  EXPECT_LE(m.high, 1.1);
  EXPECT_GT(m.high, 1.0);
  // The bounds are one standard deviation below and two above. The mean is 0.1 + 0.5·(φ(1) −
  // φ(2))/(Φ(2) − Φ(−1)).
  EXPECT_NEAR(m.mean, 0.1 + 0.5 * (0.24197 - 0.05399) / (0.97725 - 0.15866), 0.02);
  EXPECT_CONTAINS(error_of([&] { init::trunc_normal(w, 0, 1, 5, 6); }), "trunc_normal");
}

TEST(Init, OrthogonalRowsOrColumns) {
  for (const Shape& shape : {Shape{24, 40}, Shape{40, 24}, Shape{16, 2, 3, 5}}) {
    Generator generator(1);
    const Tensor w = Tensor::empty(shape, DType::f64);
    init::orthogonal(w, 1.5, generator);
    const i64 rows = shape[0], cols = shape.elements() / rows;
    const Tensor m = w.reshape({rows, cols});
    const Tensor gram = rows <= cols ? matmul(m, transposed(m)) : matmul(transposed(m), m);
    const i64 n = gram.size(0);
    for (i64 i = 0; i < n * n; ++i)
      ASSERT_NEAR(gram.values<double>()[static_cast<std::size_t>(i)], i % (n + 1) == 0 ? 2.25 : 0,
                  1e-12)
          << shape.to_string();
  }
}

TEST(Init, TheSeedDecides) {
  manual_seed(3);
  Linear a{8, 8};
  manual_seed(3);
  Linear b{8, 8}, c{8, 8};
  expect_same(a.weight.value(), b.weight.value());
  EXPECT_NE(doubles(a.weight.value()), doubles(c.weight.value()));
}

}  // namespace
}  // namespace weft::nn
