// SPDX-License-Identifier: Apache-2.0
// Convolutions with narrow groups against sums in double, for each vector set of this machine.
#include "weft/kernels/library/narrow_groups.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/testing/machine.h"

namespace weft::kernels {
namespace {

// `group`: the channels of a group.
Conv2dShape narrow_shape(i64 batch, i64 height, i64 width, i64 channels, i64 group, i64 stride = 1,
                         i64 padding = 1) {
  Conv2dShape s{batch,
                height,
                width,
                channels,
                (height + 2 * padding - 3) / stride + 1,
                (width + 2 * padding - 3) / stride + 1,
                channels};
  s.kernel = {3, 3};
  s.stride = {stride, stride};
  s.padding = {padding, padding};
  s.groups = channels / group;
  return s;
}

template <class T>
struct NarrowCase {
  explicit NarrowCase(const Conv2dShape& s)
      : x(size(inputs(s))),
        w(size(weights(s))),
        bias(size(s.out_channels)),
        dy(size(outputs(s))),
        y(dy),
        dx(x),
        dw(w),
        dbias(bias) {
    std::mt19937_64 engine(7);
    std::normal_distribution<float> normal;
    for (std::vector<T>* values : {&x, &w, &bias, &dy})
      for (T& value : *values) value = normal(engine);
  }
  static std::size_t size(i64 count) { return static_cast<std::size_t>(count); }
  std::vector<T> x, w, bias, dy;
  std::vector<T> y, dx, dw, dbias;  // the results
};

NarrowCase<double> narrow_by_sums(const Conv2dShape& s, Activation activation) {
  NarrowCase<double> c(s);
  conv2d(Cpu{}, c.y.data(), c.x.data(), c.w.data(), c.bias.data(), activation, s);
  conv2d_input_gradient(Cpu{}, c.dx.data(), c.dy.data(), c.w.data(), s);
  conv2d_weight_gradient(Cpu{}, c.dw.data(), c.dbias.data(), c.dy.data(), c.x.data(), s);
  return c;
}

NarrowCase<float> narrow_by_lanes(const Conv2dShape& s, Activation activation) {
  NarrowCase<float> c(s);
  narrow_groups::conv2d(c.y.data(), c.x.data(), c.w.data(), c.bias.data(), activation, s);
  narrow_groups::conv2d_input_gradient(c.dx.data(), c.dy.data(), c.w.data(), s);
  narrow_groups::conv2d_weight_gradient(c.dw.data(), c.dbias.data(), c.dy.data(), c.x.data(), s);
  return c;
}

double narrow_error(const std::vector<float>& actual, const std::vector<double>& expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < actual.size(); ++i) {
    error += (actual[i] - expected[i]) * (actual[i] - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(error / norm);
}

// Pieces that end within and after an image; images smaller than a piece and than the kernel; rows
// and columns that a stride leaves unread; paddings 0 to 2; channels that only 8 lanes divide.
std::vector<Conv2dShape> narrow_shapes() {
  std::vector<Conv2dShape> shapes;
  for (const i64 group : {1, 2, 4})
    for (const i64 stride : {1, 2}) {
      shapes.push_back(narrow_shape(2, 9, 11, 32, group, stride));
      shapes.push_back(narrow_shape(2, 8, 16, 48, group, stride, 0));
      shapes.push_back(narrow_shape(3, 6, 5, 24, group, stride, 2));
      shapes.push_back(narrow_shape(1, 1, 1, 8, group, stride));
      shapes.push_back(narrow_shape(2, 4, 41, 16, group, stride));
      shapes.push_back(narrow_shape(9, 16, 17, 16, group, stride));
    }
  Conv2dShape mixed = narrow_shape(2, 7, 9, 32, 4, 2);
  mixed.padding = {2, 0};
  mixed.out_height = 5;
  mixed.out_width = 4;
  shapes.push_back(mixed);
  return shapes;
}

std::string narrow_name(const Conv2dShape& s) {
  return fmt::format("{} of {} x {}, {} channels, {} groups, stride {}, padding {}", s.batch,
                     s.height, s.width, s.channels, s.groups, s.stride.h, s.padding.h);
}

TEST(NarrowGroups, ErrorsAreThoseOfDirectSums) {
  const testing::MachineState restore;
  const testing::Poison poison;
  set_threads(1);
  for (const Conv2dShape& s : narrow_shapes()) {
    ASSERT_TRUE(narrow_groups::takes(s)) << narrow_name(s);
    const NarrowCase<double> expected = narrow_by_sums(s, Activation::relu);
    for (const VectorSet set : testing::vector_sets()) {
      set_vector_set(set);
      SCOPED_TRACE(fmt::format("{}, {}", narrow_name(s), name_of(set)));
      const NarrowCase<float> result = narrow_by_lanes(s, Activation::relu);
      EXPECT_LT(narrow_error(result.y, expected.y), 2e-7);
      EXPECT_LT(narrow_error(result.dx, expected.dx), 2e-7);
      EXPECT_LT(narrow_error(result.dw, expected.dw), 4e-7);
      EXPECT_LT(narrow_error(result.dbias, expected.dbias), 4e-7);
    }
  }
}

// Sums without cancellation. Those of the gradient of the weights would be wrong by 1e-5 if they
// were made pixel by pixel, as in oneDNN; pairwise sums by 4e-8.
TEST(NarrowGroups, SumsOverManyPixelsStayExact) {
  const testing::MachineState restore;
  set_threads(1);
  const Conv2dShape s = narrow_shape(40, 64, 64, 8, 1);
  NarrowCase<float> c(s);
  NarrowCase<double> exact(s);
  for (std::size_t i = 0; i < c.x.size(); ++i) {
    exact.x[i] = c.x[i] = std::abs(c.x[i]);
    exact.dy[i] = c.dy[i] = std::abs(c.dy[i]);
  }
  narrow_groups::conv2d_weight_gradient(c.dw.data(), nullptr, c.dy.data(), c.x.data(), s);
  conv2d_weight_gradient<double, double>(Cpu{}, exact.dw.data(), nullptr, exact.dy.data(),
                                         exact.x.data(), s);
  EXPECT_LT(narrow_error(c.dw, exact.dw), 2.5e-7);
}

TEST(NarrowGroups, BitsDoNotDependOnTheNumberOfThreads) {
  if (testing::most_threads() == 1) GTEST_SKIP() << "this build has one thread";
  const testing::MachineState restore;
  for (const Conv2dShape& s : narrow_shapes()) {
    set_threads(1);
    const NarrowCase<float> alone = narrow_by_lanes(s, Activation::none);
    for (const int count : {2, 3}) {
      set_threads(count);
      const NarrowCase<float> shared = narrow_by_lanes(s, Activation::none);
      EXPECT_TRUE(shared.y == alone.y && shared.dx == alone.dx && shared.dw == alone.dw &&
                  shared.dbias == alone.dbias)
          << narrow_name(s) << ", " << count << " threads";
    }
  }
}

// A piece may end after a row, and begin before it.
TEST(NarrowGroups, WriteNothingAroundTheResults) {
  const testing::MachineState restore;
  set_threads(1);
  for (const Conv2dShape& s : narrow_shapes())
    for (const VectorSet set : testing::vector_sets()) {
      set_vector_set(set);
      SCOPED_TRACE(fmt::format("{}, {}", narrow_name(s), name_of(set)));
      const NarrowCase<float> given(s);
      const auto surrounded = [&](i64 count, const auto& compute) {
        constexpr i64 kMargin = 16 * 64;
        std::vector<float> memory(NarrowCase<float>::size(count + 2 * kMargin), 42.0f);
        compute(memory.data() + kMargin);
        return std::count(memory.begin(), memory.begin() + kMargin, 42.0f) == kMargin &&
               std::count(memory.end() - kMargin, memory.end(), 42.0f) == kMargin;
      };
      EXPECT_TRUE(surrounded(outputs(s), [&](float* y) {
        narrow_groups::conv2d(y, given.x.data(), given.w.data(), nullptr, Activation::none, s);
      }));
      EXPECT_TRUE(surrounded(inputs(s), [&](float* dx) {
        narrow_groups::conv2d_input_gradient(dx, given.dy.data(), given.w.data(), s);
      }));
      EXPECT_TRUE(surrounded(weights(s), [&](float* dw) {
        narrow_groups::conv2d_weight_gradient(dw, nullptr, given.dy.data(), given.x.data(), s);
      }));
    }
}

TEST(NarrowGroups, EachActivationIsThatOfTheDirectConvolution) {
  const Conv2dShape s = narrow_shape(2, 8, 8, 16, 4);
  for (const Activation activation : {Activation::none, Activation::relu, Activation::gelu,
                                      Activation::silu, Activation::tanh, Activation::sigmoid})
    EXPECT_LT(narrow_error(narrow_by_lanes(s, activation).y, narrow_by_sums(s, activation).y), 1e-6)
        << static_cast<int>(activation);
}

TEST(NarrowGroups, KeepsNaN) {
  const Conv2dShape s = narrow_shape(1, 4, 4, 16, 4);
  NarrowCase<float> c(s);
  c.w[0] = std::nanf("");
  c.w[4 * 4] = std::nanf("");  // the central tap
  narrow_groups::conv2d(c.y.data(), c.x.data(), c.w.data(), c.bias.data(), Activation::relu, s);
  for (std::size_t i = 0; i < c.y.size(); i += 16) EXPECT_TRUE(std::isnan(c.y[i])) << i;
  EXPECT_FALSE(std::isnan(c.y[1]));
}

TEST(NarrowGroups, AreChosenByShape) {
  const testing::MachineState restore;
  const auto chosen = [](const Conv2dShape& s) {
    std::string passes;
    if (takes_narrow_groups(ConvolutionPass::forward, s)) passes += 'f';
    if (takes_narrow_groups(ConvolutionPass::input_gradient, s)) passes += 'i';
    if (takes_narrow_groups(ConvolutionPass::weight_gradient, s)) passes += 'w';
    return passes;
  };
  const Conv2dShape groups = narrow_shape(2, 8, 8, 128, 4),
                    depthwise = narrow_shape(2, 8, 8, 96, 1), few = narrow_shape(2, 8, 8, 64, 1);
  for (const CpuBackend backend : testing::backends())
    for (const VectorSet set : testing::vector_sets()) {
      set_cpu_backend(backend);
      set_vector_set(set);
      SCOPED_TRACE(fmt::format("{}, {}", name_of(backend), name_of(set)));
      const bool by_eigen = backend == CpuBackend::eigen, slow = set == VectorSet::baseline;
      for (const ConvolutionMethod method :
           {ConvolutionMethod::auto_, ConvolutionMethod::winograd}) {
        set_convolution_method(method);
        EXPECT_EQ(chosen(groups), by_eigen || !slow ? "fiw" : "");
        EXPECT_EQ(chosen(depthwise), by_eigen ? "fiw" : slow ? "" : "w");
        EXPECT_EQ(chosen(few), by_eigen ? "fiw" : set == VectorSet::avx2 ? "w" : "");
      }
      set_convolution_method(ConvolutionMethod::direct);
      EXPECT_EQ(chosen(groups), "");
    }
  for (const auto& change : std::vector<void (*)(Conv2dShape&)>{
           [](Conv2dShape& s) { s.groups = 16; }, [](Conv2dShape& s) { s.out_channels = 256; },
           [](Conv2dShape& s) { s.channels = s.out_channels = 20, s.groups = 5; },
           [](Conv2dShape& s) {
             s.stride = {1, 2};
           },
           [](Conv2dShape& s) {
             s.stride = {3, 3};
           },
           [](Conv2dShape& s) {
             s.dilation = {1, 2};
           },
           [](Conv2dShape& s) {
             s.kernel = {5, 5};
           },
           [](Conv2dShape& s) {
             s.padding = {3, 1};
           },
           [](Conv2dShape& s) { s.batch = 0; }}) {
    Conv2dShape other = groups;
    change(other);
    EXPECT_FALSE(narrow_groups::takes(other));
  }
}

// The methods of a process agree, whichever computes.
TEST(NarrowGroups, AgreeWithDirectConvolutions) {
  const testing::MachineState restore;
  const Conv2dShape s = narrow_shape(2, 9, 9, 32, 2, 2);
  NarrowCase<float> own(s), direct(s);
  for (NarrowCase<float>* c : {&own, &direct}) {
    set_convolution_method(c == &own ? ConvolutionMethod::auto_ : ConvolutionMethod::direct);
    conv2d(Cpu{}, c->y.data(), c->x.data(), c->w.data(), c->bias.data(), Activation::relu, s);
    conv2d_input_gradient(Cpu{}, c->dx.data(), c->dy.data(), c->w.data(), s);
    conv2d_weight_gradient(Cpu{}, c->dw.data(), c->dbias.data(), c->dy.data(), c->x.data(), s);
  }
  const auto doubles = [](const std::vector<float>& values) {
    return std::vector<double>(values.begin(), values.end());
  };
  EXPECT_LT(narrow_error(own.y, doubles(direct.y)), 1e-6);
  EXPECT_LT(narrow_error(own.dx, doubles(direct.dx)), 1e-6);
  EXPECT_LT(narrow_error(own.dw, doubles(direct.dw)), 1e-6);
}

}  // namespace
}  // namespace weft::kernels
