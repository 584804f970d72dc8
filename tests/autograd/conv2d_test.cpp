// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using kernels::Activation;

// The definition, as a sum over all terms.
Tensor by_definition(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& o) {
  const auto out = [](i64 size, i64 kernel, i64 stride, i64 padding, i64 dilation) {
    i64 count = 0;
    for (i64 at = -padding; at + dilation * (kernel - 1) < size + padding; at += stride) ++count;
    return count;
  };
  const i64 height = x.size(1), width = x.size(2), channels = w.size(3),
            per_group = w.size(0) / o.groups;
  Tensor y =
      Tensor::zeros({x.size(0), out(height, w.size(1), o.stride.h, o.padding.h, o.dilation.h),
                     out(width, w.size(2), o.stride.w, o.padding.w, o.dilation.w), w.size(0)},
                    DType::f64);
  double* value = y.data<double>();
  for (i64 n = 0; n < y.size(0); ++n)
    for (i64 i = 0; i < y.size(1); ++i)
      for (i64 j = 0; j < y.size(2); ++j)
        for (i64 k = 0; k < y.size(3); ++k, ++value) {
          if (bias.defined()) *value = bias.data<double>()[k];
          for (i64 a = 0; a < w.size(1); ++a)
            for (i64 b = 0; b < w.size(2); ++b)
              for (i64 c = 0; c < channels; ++c) {
                const i64 row = i * o.stride.h - o.padding.h + a * o.dilation.h;
                const i64 col = j * o.stride.w - o.padding.w + b * o.dilation.w;
                if (row < 0 || row >= height || col < 0 || col >= width) continue;
                const i64 channel = k / per_group * channels + c;
                *value +=
                    x.data<double>()[((n * height + row) * width + col) * x.size(3) + channel] *
                    w.data<double>()[((k * w.size(1) + a) * w.size(2) + b) * channels + c];
              }
        }
  return y;
}

struct Case {
  const char* variant;
  i64 channels;
  Shape w;
  Conv2dOptions options = {};
  bool has_bias = true;
  i64 batch = 2;
  Variable (*activate)(const Variable&) = nullptr;  // the op that options.activation names
};

bool add(const Case& c) {
  // Weights of this size keep sums near 1, where the slope of an activation is well conditioned.
  const double bound = 1.7 / std::sqrt(static_cast<double>(c.w.elements(1, 4)));
  testing::OpRow row{.variant = c.variant};
  row.inputs = {testing::image(c.batch, c.channels),
                [=](const testing::Draw& draw) { return draw.uniform(c.w, -bound, bound); }};
  if (c.has_bias) row.inputs.push_back(testing::shaped({c.w[0]}));
  row.op = [=](auto& a) { return conv2d(a[0], a[1], c.has_bias ? a[2] : Variable(), c.options); };
  row.reference = [=](auto& a) {
    const Variable y =
        by_definition(a[0].value(), a[1].value(), c.has_bias ? a[2].value() : Tensor(), c.options);
    return c.activate != nullptr ? c.activate(y) : y;
  };
  // Height, width and channels differ. These are the smallest sizes that all kernels below fit.
  row.sizes = {{7, 9}, {12, 8}, {17, 13}};
  row.gradcheck_sizes = {{5, 6}};
  row.library = true;
  return testing::add_op_row("conv2d", row, __FILE__, __LINE__);
}

[[maybe_unused]] const bool added =
    add({.variant = "3x3", .channels = 5, .w = {7, 3, 3, 5}, .options = {.padding = 1}}) &&
    add({.variant = "16_to_32", .channels = 16, .w = {32, 3, 1, 16}, .options = {.padding = 1}}) &&
    add({.variant = "one_channel",
         .channels = 1,
         .w = {6, 5, 5, 1},
         .options = {.padding = 2},
         .batch = 3}) &&
    add({.variant = "no_bias", .channels = 3, .w = {4, 3, 3, 3}, .has_bias = false}) &&
    add({.variant = "no_batch", .channels = 3, .w = {4, 3, 3, 3}, .batch = 0}) &&
    add({.variant = "1x1", .channels = 6, .w = {4, 1, 1, 6}}) &&
    add({.variant = "1x1_stride", .channels = 16, .w = {32, 1, 1, 16}, .options = {.stride = 2}}) &&
    add({.variant = "stride",
         .channels = 5,
         .w = {8, 3, 3, 5},
         .options = {.stride = 2, .padding = 1}}) &&
    add({.variant = "uneven",
         .channels = 3,
         .w = {4, 2, 4, 3},
         .options = {.stride = {3, 2}, .padding = {0, 2}, .dilation = {2, 1}}}) &&
    add({.variant = "dilation",
         .channels = 4,
         .w = {3, 3, 3, 4},
         .options = {.padding = 2, .dilation = 2}}) &&
    add({.variant = "groups",
         .channels = 6,
         .w = {9, 3, 3, 2},
         .options = {.padding = 1, .groups = 3}}) &&
    add({.variant = "depthwise",
         .channels = 8,
         .w = {8, 3, 3, 1},
         .options = {.stride = 2, .padding = 1, .groups = 8}}) &&
    add({.variant = "relu",
         .channels = 5,
         .w = {8, 3, 3, 5},
         .options = {.padding = 1, .activation = Activation::relu},
         .activate = relu}) &&
    add({.variant = "silu",
         .channels = 5,
         .w = {8, 3, 3, 5},
         .options = {.activation = Activation::silu},
         .activate = silu}) &&
    add({.variant = "tanh",
         .channels = 5,
         .w = {8, 3, 3, 5},
         .options = {.activation = Activation::tanh},
         .activate = tanh});

Tensor image(i64 height, i64 width, i64 channels) {
  return Tensor::zeros({2, height, width, channels});
}
Tensor kernel(i64 out, i64 size, i64 channels) {
  return Tensor::zeros({out, size, size, channels});
}

WEFT_OP_ROW(
    conv2d,
    {.inputs = {testing::image(2, 2), testing::shaped({3, 2, 2, 2}), testing::shaped({3})},
     .op = [](auto& a) { return conv2d(a[0], a[1], a[2]); },
     .reference =
         [](auto& a) {
           return Variable(by_definition(a[0].value(), a[1].value(), a[2].value(), {}));
         },
     .errors =
         {{[] { conv2d(image(8, 8, 3), kernel(4, 3, 5), Tensor()); },
           "x is (2, 8, 8, 3) and w is (4, 3, 3, 5) with 1 groups; the channels of x (3) must equal the "
           "last axis of w times the groups (5)"},
          {[] { conv2d(image(8, 8, 6), kernel(4, 3, 2), Tensor(), {.groups = 3}); },
           "outputs in a multiple of the groups"},
          {[] { conv2d(image(4, 8, 3), kernel(4, 3, 3), Tensor(), {.dilation = 2}); },
           "an image of at least 5 × 5 is required"},
          {[] {
             conv2d(Tensor::zeros({8, 8, 3}), kernel(4, 3, 3), Tensor());
           },
           "x is (8, 8, 3) and w is (4, 3, 3, 3); x (batch, height, width, channels)"},
          {[] { conv2d(image(8, 8, 3), kernel(4, 3, 3), Tensor::zeros({3})); },
           "bias is (3) and w is (4, 3, 3, 3); bias must be (4)"},
          {[] { conv2d(image(8, 8, 3), kernel(4, 3, 3), Tensor(), {.stride = 0}); },
           "stride (0, 0) given; at least 1 is required"},
          {[] {
             conv2d(image(8, 8, 3), kernel(4, 3, 3), Tensor(), {.padding = {0, -1}});
           },
           "padding (0, -1) given; at least 0 is required"},
          {[] { conv2d(image(8, 8, 3), kernel(4, 3, 3), Tensor(), {.dilation = 0}); },
           "dilation (0, 0) given; at least 1 is required"},
          {[] { conv2d(image(8, 8, 3), kernel(4, 3, 3), Tensor(), {.groups = 0}); },
           "0 groups given; at least 1 is required"}},
     .sizes = {{2, 3}, {31, 33}},
     .gradcheck_sizes = {{3, 4}},
     .library = true});

}  // namespace
}  // namespace weft
