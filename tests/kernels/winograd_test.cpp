// SPDX-License-Identifier: Apache-2.0
// Winograd's convolutions against sums in double, for each vector set of this machine.
#include "weft/kernels/library/winograd.h"

#include <cmath>
#include <limits>
#include <random>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/testing/machine.h"

namespace weft::kernels {
namespace {

Conv2dShape winograd_shape(i64 batch, i64 height, i64 width, i64 channels, i64 out_channels,
                           i64 padding = 1) {
  Conv2dShape s{
      batch,       height, width, channels, height + 2 * padding - 2, width + 2 * padding - 2,
      out_channels};
  s.kernel = {3, 3};
  s.padding = {padding, padding};
  return s;
}

// The arrays of a convolution, as a network has them: inputs after a relu, weights by He.
template <class T>
struct WinogradCase {
  explicit WinogradCase(const Conv2dShape& s)
      : x(size(inputs(s))), w(size(weights(s))), bias(size(s.out_channels)), dy(size(outputs(s))) {
    std::mt19937_64 engine(7);
    std::normal_distribution<float> normal;
    for (T& value : x) value = std::max(0.0f, normal(engine));
    const float spread = std::sqrt(2.0f / (9.0f * static_cast<float>(s.channels)));
    for (T& value : w) value = spread * normal(engine);
    for (T& value : bias) value = normal(engine);
    for (T& value : dy) value = normal(engine);
  }
  static std::size_t size(i64 count) { return static_cast<std::size_t>(count); }
  std::vector<T> x, w, bias, dy;
};

template <class T>
struct WinogradResult {
  explicit WinogradResult(const Conv2dShape& s)
      : y(static_cast<std::size_t>(outputs(s))),
        dx(static_cast<std::size_t>(inputs(s))),
        dw(static_cast<std::size_t>(weights(s))),
        dbias(static_cast<std::size_t>(s.out_channels)) {}
  std::vector<T> y, dx, dw, dbias;
  friend bool operator==(const WinogradResult&, const WinogradResult&) = default;
};

WinogradResult<double> by_sums(const Conv2dShape& s, Activation activation) {
  const WinogradCase<double> given(s);
  WinogradResult<double> result(s);
  conv2d(Cpu{}, result.y.data(), given.x.data(), given.w.data(), given.bias.data(), activation, s);
  conv2d_input_gradient(Cpu{}, result.dx.data(), given.dy.data(), given.w.data(), s);
  conv2d_weight_gradient(Cpu{}, result.dw.data(), result.dbias.data(), given.dy.data(),
                         given.x.data(), s);
  return result;
}

WinogradResult<float> by_winograd(const Conv2dShape& s, Activation activation, int m) {
  const WinogradCase<float> given(s);
  WinogradResult<float> result(s);
  winograd::conv2d(result.y.data(), given.x.data(), given.w.data(), given.bias.data(), activation,
                   s, m);
  winograd::conv2d_input_gradient(result.dx.data(), given.dy.data(), given.w.data(), s, m);
  winograd::conv2d_weight_gradient(result.dw.data(), result.dbias.data(), given.dy.data(),
                                   given.x.data(), s, m);
  return result;
}

double relative_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

// Edges that cut tiles; one tile, several blocks; blocks whose points are shared; paddings 0 to 2;
// sums over several chunks of tiles.
const Conv2dShape kWinogradShapes[] = {
    winograd_shape(2, 7, 5, 16, 32),     winograd_shape(1, 1, 1, 16, 16),
    winograd_shape(3, 9, 10, 32, 48, 0), winograd_shape(2, 6, 6, 16, 16, 2),
    winograd_shape(3, 16, 16, 64, 64),   winograd_shape(1, 4, 4, 256, 272),
    winograd_shape(20, 4, 4, 16, 2064),  winograd_shape(2, 3, 40, 48, 16),
    winograd_shape(3, 33, 34, 16, 16),   winograd_shape(7, 16, 16, 128, 128),
};

TEST(Winograd, ErrorsAreWithinTheBounds) {
  const testing::MachineState restore;
  const testing::Poison poison;
  for (const Conv2dShape& s : kWinogradShapes) {
    const WinogradResult<double> expected = by_sums(s, Activation::relu);
    for (const VectorSet set : testing::vector_sets())
      for (const int m : {2, 4}) {
        set_vector_set(set);
        SCOPED_TRACE(fmt::format("{} of {} x {}, {} to {}, {}, m = {}", s.batch, s.height, s.width,
                                 s.channels, s.out_channels, name_of(set), m));
        const WinogradResult<float> result = by_winograd(s, Activation::relu, m);
        const double bound = m == 4 ? 1e-5 : 2e-6;
        EXPECT_LT(relative_error(result.y, expected.y), bound);
        // F(4×4) is not chosen for more than 1,024 summed channels.
        const double dx_bound = s.out_channels > 1024 ? 2 * bound : bound;
        EXPECT_LT(relative_error(result.dx, expected.dx), dx_bound);
        EXPECT_LT(relative_error(result.dw, expected.dw), bound);
        EXPECT_LT(relative_error(result.dbias, expected.dbias), bound);
      }
  }
}

TEST(Winograd, BitsDoNotDependOnTheNumberOfThreads) {
  if (testing::most_threads() == 1) GTEST_SKIP() << "this build has one thread";
  const testing::MachineState restore;
  for (const Conv2dShape& s : kWinogradShapes)
    for (const int m : {2, 4}) {
      set_threads(1);
      const WinogradResult<float> alone = by_winograd(s, Activation::none, m);
      for (const int count : {2, 3}) {
        set_threads(count);
        EXPECT_TRUE(by_winograd(s, Activation::none, m) == alone) << count << " threads, m = " << m;
      }
    }
}

TEST(Winograd, EachActivationIsThatOfTheDirectConvolution) {
  const Conv2dShape s = winograd_shape(2, 8, 8, 16, 16);
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu,
                                      Activation::silu, Activation::tanh, Activation::sigmoid})
    EXPECT_LT(relative_error(by_winograd(s, activation, 4).y, by_sums(s, activation).y), 1e-5)
        << static_cast<int>(activation);
}

TEST(Winograd, KeepsNaN) {
  const Conv2dShape s = winograd_shape(1, 4, 4, 16, 16);
  WinogradCase<float> given(s);
  given.w[0] = std::nanf("");
  std::vector<float> y(static_cast<std::size_t>(outputs(s)));
  winograd::conv2d(y.data(), given.x.data(), given.w.data(), given.bias.data(), Activation::relu, s,
                   4);
  for (std::size_t i = 0; i < y.size(); i += 16) EXPECT_TRUE(std::isnan(y[i])) << i;
  EXPECT_FALSE(std::isnan(y[1]));
}

// A pixel that is not finite reaches each output of a tile that has it among its inner 4 × 4
// inputs.
TEST(Winograd, ANaNSpreadsOverItsTiles) {
  const Conv2dShape s = winograd_shape(1, 12, 12, 16, 16);
  for (const float value : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    WinogradCase<float> given(s);
    given.x[0] = value;
    std::vector<float> y(static_cast<std::size_t>(outputs(s)));
    winograd::conv2d(y.data(), given.x.data(), given.w.data(), given.bias.data(), Activation::none,
                     s, 4);
    for (std::size_t row = 0; row < 12; ++row)
      for (std::size_t column = 0; column < 12; ++column)
        EXPECT_EQ(std::isfinite(y[(row * 12 + column) * 16]), row >= 4 || column >= 4)
            << row << ", " << column;
  }
}

// What a run calls takes Winograd's filtering, in each pass.
TEST(Winograd, AgreesWithDirectConvolutions) {
  const testing::MachineState restore;
  const Conv2dShape s = winograd_shape(8, 16, 16, 16, 32);
  const WinogradCase<float> given(s);
  WinogradResult<float> own(s), direct(s);
  for (WinogradResult<float>* result : {&own, &direct}) {
    set_convolution_method(result == &own ? ConvolutionMethod::winograd
                                          : ConvolutionMethod::direct);
    conv2d(Cpu{}, result->y.data(), given.x.data(), given.w.data(), given.bias.data(),
           Activation::relu, s);
    conv2d_input_gradient(Cpu{}, result->dx.data(), given.dy.data(), given.w.data(), s);
    conv2d_weight_gradient(Cpu{}, result->dw.data(), result->dbias.data(), given.dy.data(),
                           given.x.data(), s);
  }
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  // The bits differ, or the direct convolution was compared with itself.
  for (const auto& [its, other] : {std::pair{&own.y, &direct.y}, std::pair{&own.dx, &direct.dx},
                                   std::pair{&own.dw, &direct.dw}}) {
    EXPECT_LT(relative_error(*its, doubles(*other)), 1e-5);
    EXPECT_GT(relative_error(*its, doubles(*other)), 0);
  }
}

TEST(ConvolutionMethod, ChoosesByShape) {
  const testing::MachineState restore;
  const auto chosen = [](ConvolutionMethod method, const Conv2dShape& s) {
    set_convolution_method(method);
    return winograd_tile(ConvolutionPass::forward, s);
  };
  const Conv2dShape large = winograd_shape(32, 32, 32, 64, 64),
                    small = winograd_shape(1, 4, 4, 16, 16);
  EXPECT_EQ(chosen(ConvolutionMethod::direct, large), 0);
  EXPECT_EQ(chosen(ConvolutionMethod::winograd, small), 4);
  EXPECT_EQ(chosen(ConvolutionMethod::auto_, small), 0);
  set_convolution_method(ConvolutionMethod::winograd);
  const Conv2dShape wide = winograd_shape(2, 4, 4, 16, 1040);
  EXPECT_EQ(winograd_tile(ConvolutionPass::forward, wide), 4);
  EXPECT_EQ(winograd_tile(ConvolutionPass::input_gradient, wide), 2);
  for (const VectorSet set : testing::vector_sets()) {
    set_vector_set(set);
    const bool is_wide = set != VectorSet::baseline;
    EXPECT_EQ(chosen(ConvolutionMethod::auto_, large), is_wide ? 4 : 0) << name_of(set);
    EXPECT_EQ(chosen(ConvolutionMethod::auto_, winograd_shape(32, 4, 4, 512, 512)), is_wide ? 2 : 0)
        << name_of(set);
  }
  for (const auto& change :
       std::vector<void (*)(Conv2dShape&)>{[](Conv2dShape& s) { s.channels = s.out_channels = 24; },
                                           [](Conv2dShape& s) { s.groups = 2; },
                                           [](Conv2dShape& s) {
                                             s.stride = {2, 2};
                                           },
                                           [](Conv2dShape& s) {
                                             s.dilation = {2, 1};
                                           },
                                           [](Conv2dShape& s) {
                                             s.kernel = {3, 1};
                                           },
                                           [](Conv2dShape& s) {
                                             s.padding = {1, 3};
                                           },
                                           [](Conv2dShape& s) { s.batch = 0; }}) {
    Conv2dShape other = large;
    change(other);
    EXPECT_EQ(chosen(ConvolutionMethod::winograd, other), 0);
  }
}

}  // namespace
}  // namespace weft::kernels
