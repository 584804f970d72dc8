// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/product.h"

namespace weft {
namespace {

struct Axis {
  i64 size, kernel, stride, padding, dilation;
  i64 reach() const { return dilation * (kernel - 1) + 1; }
  bool fits() const { return size + 2 * padding >= reach(); }
  i64 out() const { return (size + 2 * padding - reach()) / stride + 1; }
};

void check_options(const Conv2dOptions& o) {
  WEFT_CHECK(o.stride.h >= 1 && o.stride.w >= 1,
             "conv2d: stride ({}, {}) given; at least 1 is required", o.stride.h, o.stride.w);
  WEFT_CHECK(o.padding.h >= 0 && o.padding.w >= 0,
             "conv2d: padding ({}, {}) given; at least 0 is required", o.padding.h, o.padding.w);
  WEFT_CHECK(o.dilation.h >= 1 && o.dilation.w >= 1,
             "conv2d: dilation ({}, {}) given; at least 1 is required", o.dilation.h, o.dilation.w);
  WEFT_CHECK(o.groups >= 1, "conv2d: {} groups given; at least 1 is required", o.groups);
}

kernels::Conv2dShape shape_of(const Shape& x, const Shape& w, const Conv2dOptions& o) {
  check_options(o);
  WEFT_CHECK(
      x.rank() == 4 && w.rank() == 4,
      "conv2d: x is {} and w is {}; x (batch, height, width, channels) and w (out, kernel_h, "
      "kernel_w, channels/groups) are required",
      x, w);
  WEFT_CHECK(
      w.elements() > 0 && w[0] % o.groups == 0,
      "conv2d: w is {} with {} groups; outputs in a multiple of the groups, and no empty axis, are required",
      w, o.groups);
  WEFT_CHECK(
      x[3] == w[3] * o.groups,
      "conv2d: x is {} and w is {} with {} groups; the channels of x ({}) must equal the last axis "
      "of w times the groups ({})",
      x, w, o.groups, x[3], w[3] * o.groups);
  const Axis h{x[1], w[1], o.stride.h, o.padding.h, o.dilation.h};
  const Axis v{x[2], w[2], o.stride.w, o.padding.w, o.dilation.w};
  WEFT_CHECK(
      h.fits() && v.fits(),
      "conv2d: x is {} and w is {} with padding ({}, {}) and dilation ({}, {}); an image of at least "
      "{} × {} is required",
      x, w, o.padding.h, o.padding.w, o.dilation.h, o.dilation.w, h.reach() - 2 * o.padding.h,
      v.reach() - 2 * o.padding.w);
  return {.batch = x[0],
          .height = x[1],
          .width = x[2],
          .channels = x[3],
          .out_height = h.out(),
          .out_width = v.out(),
          .out_channels = w[0],
          .kernel = {w[1], w[2]},
          .stride = {o.stride.h, o.stride.w},
          .padding = {o.padding.h, o.padding.w},
          .dilation = {o.dilation.h, o.dilation.w},
          .groups = o.groups};
}

Shape output_of(const kernels::Conv2dShape& s) {
  return {s.batch, s.out_height, s.out_width, s.out_channels};
}

}  // namespace

Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias, const Conv2dOptions& options) {
  check_same_kind("conv2d", x, w);
  const kernels::Conv2dShape shape = shape_of(x.shape(), w.shape(), options);
  if (bias.defined()) {
    WEFT_CHECK(bias.shape() == Shape{w.size(0)},
               "conv2d: bias is {} and w is {}; bias must be ({})", bias.shape(), w.shape(),
               w.size(0));
    check_product("conv2d", "bias", bias, bias.shape(), x);
  }
  Tensor y = Tensor::empty(output_of(shape), product_dtype(x.dtype()), x.device());
  visit_product("conv2d", x.dtype(), [&]<class T, class C>() {
    std::visit(
        [&](auto device) {
          kernels::conv2d<T, C>(device, y.data<C>(), x.data<T>(), w.data<T>(),
                                bias.defined() ? bias.data<C>() : nullptr, options.activation,
                                shape);
        },
        x.device());
  });
  return y;
}

void conv2d_input_gradient(Tensor& dx, const Tensor& dy, const Tensor& w,
                           const Conv2dOptions& options) {
  const kernels::Conv2dShape shape = shape_of(dx.shape(), w.shape(), options);
  check_product("conv2d_input_gradient", "the output", dx, dx.shape(), dy);
  check_output("conv2d_input_gradient", dy, output_of(shape), w);
  visit_product("conv2d_input_gradient", dy.dtype(), [&]<class T, class C>() {
    std::visit(
        [&](auto device) {
          kernels::conv2d_input_gradient(device, dx.data<C>(), dy.data<T>(), w.data<T>(), shape);
        },
        dy.device());
  });
}

void conv2d_weight_gradient(Tensor& dw, Tensor* dbias, const Tensor& dy, const Tensor& x,
                            const Conv2dOptions& options) {
  const kernels::Conv2dShape shape = shape_of(x.shape(), dw.shape(), options);
  check_product("conv2d_weight_gradient", "the output", dw, dw.shape(), dy);
  check_output("conv2d_weight_gradient", dy, output_of(shape), x);
  if (dbias != nullptr)
    check_product("conv2d_weight_gradient", "the output", *dbias, Shape{dw.size(0)}, dy);
  visit_product("conv2d_weight_gradient", dy.dtype(), [&]<class T, class C>() {
    std::visit(
        [&](auto device) {
          kernels::conv2d_weight_gradient(device, dw.data<C>(),
                                          dbias != nullptr ? dbias->data<C>() : nullptr,
                                          dy.data<T>(), x.data<T>(), shape);
        },
        dy.device());
  });
}

}  // namespace weft
