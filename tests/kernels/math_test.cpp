// SPDX-License-Identifier: Apache-2.0
// Tests of the elementary functions in float, compared with the standard library's in double over
// their whole range.
#include "weft/kernels/common/math.h"

#include <limits>

#include <gtest/gtest.h>

namespace weft {
namespace {

// Returns the maximum error in units in the last place of the true value, for `steps` values of x
// in [low, high].
template <class F, class G>
double worst_ulps(F f, G truth, double low, double high, int steps = 200000) {
  double worst = 0;
  for (int i = 0; i <= steps; ++i) {
    const auto x = static_cast<float>(low + (high - low) * i / steps);
    const double expected = truth(static_cast<double>(x));
    const auto rounded = static_cast<float>(expected);
    const double ulp = static_cast<double>(std::nextafter(std::abs(rounded), INFINITY)) -
                       std::abs(static_cast<double>(rounded));
    worst = std::max(worst, std::abs(static_cast<double>(f(x)) - expected) / ulp);
  }
  return worst;
}

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

TEST(Math, ExpIsWithinTwoUlps) {
  EXPECT_LT(worst_ulps([](float x) { return math::exp(x); }, [](double x) { return std::exp(x); },
                       -87, 88.7),
            2);
  EXPECT_EQ(math::exp(0.0f), 1.0f);
  EXPECT_EQ(math::exp(400.0f), kInf);
  EXPECT_EQ(math::exp(kInf), kInf);
  EXPECT_EQ(math::exp(-400.0f), 0.0f);
  EXPECT_EQ(math::exp(-kInf), 0.0f);
  EXPECT_TRUE(std::isnan(math::exp(kNaN)));
}

TEST(Math, LogIsWithinThreeUlps) {
  const auto ours = [](float x) { return math::log(x); };
  const auto truth = [](double x) { return std::log(x); };
  EXPECT_LT(worst_ulps(ours, truth, 0.5, 2.0), 3);
  EXPECT_LT(worst_ulps(ours, truth, 0.999, 1.001), 3);
  EXPECT_LT(worst_ulps(ours, truth, 1e-3, 100), 3);
  EXPECT_LT(worst_ulps(ours, truth, 1e-44, 1e-38), 3);  // subnormal
  EXPECT_LT(worst_ulps(ours, truth, 1e10, 3e38), 3);
  EXPECT_EQ(math::log(1.0f), 0.0f);
  EXPECT_EQ(math::log(0.0f), -kInf);
  EXPECT_EQ(math::log(kInf), kInf);
  EXPECT_TRUE(std::isnan(math::log(-1.0f)));
  EXPECT_TRUE(std::isnan(math::log(-kInf)));
  EXPECT_TRUE(std::isnan(math::log(kNaN)));
}

TEST(Math, Log1pIsWithinThreeUlpsBetweenZeroAndOne) {
  const auto ours = [](float x) { return math::log1p(x); };
  const auto truth = [](double x) { return std::log1p(x); };
  EXPECT_LT(worst_ulps(ours, truth, 0, 1), 3);
  EXPECT_LT(worst_ulps(ours, truth, 1e-30, 1e-6), 3);
  EXPECT_EQ(math::log1p(0.0f), 0.0f);
  EXPECT_TRUE(std::isnan(math::log1p(kNaN)));
}

TEST(Math, TanhAndSigmoidAreWithinAFewUlps) {
  EXPECT_LT(worst_ulps([](float x) { return math::tanh(x); }, [](double x) { return std::tanh(x); },
                       -20, 20),
            6);
  EXPECT_LT(worst_ulps([](float x) { return math::sigmoid(x); },
                       [](double x) { return 1 / (1 + std::exp(-x)); }, -85, 85),
            4);
  EXPECT_EQ(math::tanh(400.0f), 1.0f);
  EXPECT_EQ(math::tanh(-400.0f), -1.0f);
  EXPECT_EQ(math::sigmoid(400.0f), 1.0f);
  EXPECT_EQ(math::sigmoid(-400.0f), 0.0f);
  EXPECT_TRUE(std::isnan(math::tanh(kNaN)));
  EXPECT_TRUE(std::isnan(math::sigmoid(kNaN)));
}

TEST(Math, ErfIsWithinItsStatedError) {
  for (double x = -6; x <= 6; x += 1e-4)
    ASSERT_NEAR(static_cast<double>(math::erf(static_cast<float>(x))),
                std::erf(static_cast<double>(static_cast<float>(x))), 5e-7);
  EXPECT_TRUE(std::isnan(math::erf(kNaN)));
}

}  // namespace
}  // namespace weft
