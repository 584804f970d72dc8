// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/testing/testing.h"

namespace weft {
namespace {

enum class Kind { max, avg };

// The definition, one output pixel at a time.
Tensor by_definition(const Tensor& x, Kind kind, HeightWidth kernel, HeightWidth stride,
                     HeightWidth padding) {
  const i64 height = x.size(1), width = x.size(2), channels = x.size(3);
  Tensor y = Tensor::empty({x.size(0), (height + 2 * padding.h - kernel.h) / stride.h + 1,
                            (width + 2 * padding.w - kernel.w) / stride.w + 1, channels},
                           DType::f64);
  double* value = y.data<double>();
  for (i64 n = 0; n < y.size(0); ++n)
    for (i64 i = 0; i < y.size(1); ++i)
      for (i64 j = 0; j < y.size(2); ++j)
        for (i64 c = 0; c < channels; ++c, ++value) {
          double sum = 0, largest = -std::numeric_limits<double>::infinity();
          for (i64 a = 0; a < kernel.h; ++a)
            for (i64 b = 0; b < kernel.w; ++b) {
              const i64 row = i * stride.h - padding.h + a, col = j * stride.w - padding.w + b;
              if (row < 0 || row >= height || col < 0 || col >= width) continue;
              const double pixel =
                  x.data<double>()[((n * height + row) * width + col) * channels + c];
              sum += pixel;
              largest = std::max(largest, pixel);
            }
          *value = kind == Kind::max ? largest : sum / static_cast<double>(kernel.h * kernel.w);
        }
  return y;
}

bool add(const char* variant, i64 channels, const Pool2dOptions& options, i64 batch = 2) {
  for (const Kind kind : {Kind::max, Kind::avg}) {
    testing::OpRow row{.variant = variant};
    row.inputs = {testing::image(batch, channels)};
    row.op = [=](auto& a) {
      return kind == Kind::max ? max_pool2d(a[0], options) : avg_pool2d(a[0], options);
    };
    row.reference = [=](auto& a) {
      const HeightWidth stride = options.stride.h == 0 ? options.kernel : options.stride;
      return Variable(by_definition(a[0].value(), kind, options.kernel, stride, options.padding));
    };
    row.sizes = {{4, 5}, {7, 6}, {31, 33}};
    row.gradcheck_sizes = {{4, 5}, {5, 7}};
    testing::add_op_row(kind == Kind::max ? "max_pool2d" : "avg_pool2d", row, __FILE__, __LINE__);
  }
  return true;
}

[[maybe_unused]] const bool added =
    add("2x2", 3, {}) && add("one_channel", 1, {}) && add("many_channels", 70, {}) &&
    add("no_batch", 3, {}, 0) && add("overlap", 5, {.kernel = 3, .stride = 2, .padding = 1}) &&
    add("gaps", 2, {.kernel = 2, .stride = 3}) && add("dense", 3, {.kernel = 3, .stride = 1}) &&
    add("uneven", 3, {.kernel = {4, 1}, .stride = {1, 2}, .padding = {2, 0}});

Tensor image(i64 height, i64 width) { return Tensor::zeros({2, height, width, 3}); }

WEFT_OP_ROW(
    max_pool2d,
    {.variant = "all",
     .inputs = {testing::shaped({2, 17, 19, 3})},  // the window has more than 255 taps
     .op =
         [](auto& a) {
           return max_pool2d(a[0], {.kernel = {17, 18}, .stride = 1});
         },
     .reference =
         [](auto& a) {
           return Variable(by_definition(a[0].value(), Kind::max, {17, 18}, 1, 0));
         },
     .errors =
         {{[] {
             max_pool2d(Tensor::zeros({4, 4, 3}));
           },
           "x is (4, 4, 3); (batch, height, width, channels) is required"},
          {[] { max_pool2d(image(2, 5), {.kernel = 3}); },
           "an image of at least 3 × 3 is required"},
          {[] { max_pool2d(image(4, 4), {.kernel = 0}); },
           "kernel (0, 0) given; at least 1 is required"},
          {[] {
             max_pool2d(image(4, 4), {.stride = {0, 1}});
           },
           "stride (0, 1) given; at least 1 is required"},
          {[] { max_pool2d(image(4, 4), {.padding = 2}); },
           "padding (2, 2) given for kernel (2, 2); from 0 to half of the kernel is required"}},
     .sizes = {{1, 1}},
     .gradcheck_sizes = {{1, 1}}});

WEFT_OP_ROW(
    global_avg_pool,
    {.inputs = {testing::image(3, 5)},
     .op = [](auto& a) { return global_avg_pool(a[0]); },
     .reference =
         [](auto& a) {
           const Shape& s = a[0].shape();
           return reshape(mean(reshape(a[0], Shape{s[0], s[1] * s[2], s[3]}), 1),
                          Shape{s[0], s[3]});
         },
     .errors =
         {{[] {
             global_avg_pool(Tensor::zeros({2, 0, 4, 3}));
           },
           "x is (2, 0, 4, 3); (batch, height, width, channels) with at least one pixel is required"}},
     .sizes = {{1, 1}, {4, 5}, {31, 33}},
     .gradcheck_sizes = {{2, 3}}});

TEST(MaxPool2d, NanWins) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const Tensor x = Tensor::copy_of<float>({1, nan, 3, 2, 5, 4, nan, 7}, {2, 2, 2, 1});
  const std::vector<float> y = max_pool2d(x).to_vector<float>();
  EXPECT_TRUE(std::isnan(y[0]));
  EXPECT_TRUE(std::isnan(y[1]));
}

TEST(MaxPool2d, TheFirstNanGetsTheGradient) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  for (const Pool2dOptions& options : {Pool2dOptions{}, Pool2dOptions{.kernel = 2, .stride = 3}}) {
    const Variable x =
        Variable::leaf(Tensor::copy_of<float>({9, nan, nan, 9, 5, nan, 7, 6}, {2, 2, 2, 1}));
    sum(max_pool2d(x, options)).backward();
    EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{0, 1, 0, 0, 0, 1, 0, 0}));
  }
}

TEST(MaxPool2d, EqualPixelsGiveTheGradientToTheFirst) {
  const Variable x = Variable::leaf(Tensor::full({1, 2, 2, 1}, 3.0));
  sum(max_pool2d(x)).backward();
  EXPECT_EQ(x.grad().to_vector<float>(), (std::vector<float>{1, 0, 0, 0}));
}

TEST(MaxPool2d, IndicesTakeOneByteEach) {
  EXPECT_EQ(max_pool2d_with_index(image(20, 20), {.kernel = 15}, true).index.dtype(), DType::uint8);
  EXPECT_EQ(max_pool2d_with_index(image(20, 20), {.kernel = 16}, true).index.dtype(), DType::int32);
}

}  // namespace
}  // namespace weft
