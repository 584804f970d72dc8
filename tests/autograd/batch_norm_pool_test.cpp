// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

// A channel of x with a negative gamma, or with a gamma of 0, too.
Tensor mixed_signs(const Tensor& gamma) {
  Tensor signs = Tensor::full(gamma.shape(), 1, DType::f64);
  for (i64 c = 0; c < signs.elements(); ++c)
    signs.values<double>()[static_cast<std::size_t>(c)] = c % 3 - 1;
  return signs.to(gamma.dtype()).to(gamma.device());
}

constexpr double kPoolEps = 1e-5;

struct PoolCase {
  const char* variant;
  bool affine = true, relu = false;
};

bool add_pool(const PoolCase& c) {
  const BatchNormOptions options{.eps = kPoolEps, .relu = c.relu};
  const auto gamma = [=](auto& a) {
    return c.affine ? a[1] * Variable(mixed_signs(a[1].value())) : Variable();
  };
  const auto beta = [=](auto& a) { return c.affine ? a[2] : Variable(); };
  testing::OpRow row{.variant = c.variant};
  row.sizes = {{2, 3}, {7, 9}, {8, 6}, {31, 33}};
  row.gradcheck_sizes = {{2, 3}, {5, 4}};
  row.inputs = {testing::image(2, 5)};
  if (c.affine) row.inputs.insert(row.inputs.end(), {testing::row_of(0), testing::row_of(0)});
  row.op = [=](auto& a) { return batch_norm_pool(a[0], gamma(a), beta(a), options).y; };
  row.reference = [=](auto& a) {
    return max_pool2d(batch_norm(a[0], gamma(a), beta(a), options).y);
  };
  return testing::add_op_row("batch_norm_pool", row, __FILE__, __LINE__);
}
[[maybe_unused]] const bool added_pool = add_pool({.variant = "plain"}) &&
                                         add_pool({.variant = "no_affine", .affine = false}) &&
                                         add_pool({.variant = "relu", .relu = true});

WEFT_OP_ROW(
    batch_norm_pool,
    {.variant = "many_channels",
     .inputs = {testing::image(1, 70), testing::row_of(0), testing::row_of(0)},
     .op = [](auto& a) { return batch_norm_pool(a[0], a[1], a[2], {.relu = true}).y; },
     .reference =
         [](auto& a) { return max_pool2d(batch_norm(a[0], a[1], a[2], {.relu = true}).y); },
     .errors = {{[] {
                   batch_norm_pool(Tensor::zeros({4, 1, 5, 3}), Variable(), Variable());
                 },
                 "batch_norm_pool: x is (4, 1, 5, 3); (batch, height, width, channels) of at least "
                 "2 × 2 pixels is required"},
                {[] {
                   batch_norm_pool(Tensor::zeros({4, 4, 5, 3}), Tensor::zeros({4}), Variable());
                 },
                 "x is (4, 4, 5, 3) and gamma is (4); gamma must be (3)"}},
     .sizes = {{4, 5}},
     .gradcheck_sizes = {{3, 2}}});

// Note [Pooling before normalising]: the bits of y, NaN, infinities and equal values included.
TEST(BatchNormPool, HasTheBitsOfPoolingWhatIsNormalised) {
  Generator generator(7);
  for (const bool relu : {false, true}) {
    Tensor x = Tensor::empty({3, 9, 10, 37}), gamma = Tensor::empty({37}),
           beta = Tensor::empty({37});
    generator.normal(x, 3, 2);
    generator.normal(gamma, 0, 1);
    generator.normal(beta, 0, 1);
    gamma.values<float>()[5] = 0;
    for (std::size_t i = 0; i < 3000; i += 7)
      x.values<float>()[i] = x.values<float>()[(i * 31) % 3000];
    const BatchStatistics statistics = batch_statistics(x, kPoolEps);
    constexpr float kInfinity = std::numeric_limits<float>::infinity();
    for (const float special : {std::numeric_limits<float>::quiet_NaN(), kInfinity, -kInfinity})
      for (std::size_t c = 0; c < 37; c += 5) {
        x.values<float>()[static_cast<std::size_t>(generator.next() % 9000) / 37 * 37 + c] =
            special;
        const Tensor apart = max_pool2d(batch_norm(x, statistics, gamma, beta, Tensor(), relu));
        const BatchNormPoolResult pooled = batch_norm_pool(x, statistics, gamma, beta, relu, false);
        ASSERT_EQ(std::memcmp(pooled.y.raw(), apart.raw(),
                              static_cast<std::size_t>(apart.elements()) * sizeof(float)),
                  0);
        EXPECT_FALSE(pooled.index.defined());
      }
  }
}

// With gamma 0 all of a window is equal, and the gradient of gamma is that of the first pixel.
TEST(BatchNormPool, OfEqualValuesTheFirstHasTheGradient) {
  const Tensor x = Tensor::copy_of<float>({1, 2, 3, 4, 5, 6, 7, 9}, {2, 2, 2, 1});
  const Variable gamma = Variable::leaf(Tensor::zeros({1}));
  const BatchNormResult result = batch_norm_pool(Variable(x), gamma, Variable());
  result.y.backward(Tensor::full({2, 1, 1, 1}, 1));
  const double inv_std = batch_statistics(x, kPoolEps).inv_std.item<double>();
  EXPECT_NEAR(gamma.grad().item<float>(), ((1 - 4.625) + (5 - 4.625)) * inv_std, 1e-5);
}

}  // namespace
}  // namespace weft
