// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/matmul.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/product.h"

namespace weft {
namespace {

struct Plan {
  kernels::MatmulShape sizes;
  Shape output;
};

Plan plan_of(const MatmulInput& a, const MatmulInput& b) {
  const Shape &x = a.tensor.shape(), &y = b.tensor.shape();
  check_same_kind("matmul", a.tensor, b.tensor);
  WEFT_CHECK(
      x.rank() >= 2 && y.rank() == x.rank(),
      "matmul: a is {} and b is {}; two matrices, or two batches with equal leading axes, are required",
      x, y);
  const int rows = a.transposed ? -1 : -2, a_inner = a.transposed ? -2 : -1;
  const int b_inner = b.transposed ? -1 : -2, cols = b.transposed ? -2 : -1;
  for (int axis = 0; axis < x.rank() - 2; ++axis)
    WEFT_CHECK(x[axis] == y[axis], "matmul: a is {} and b is {}; the leading axes must be equal", x,
               y);
  WEFT_CHECK(x[a_inner] == y[b_inner],
             "matmul: a is {}{} and b is {}{}; the columns of a ({}) must equal the rows of b ({})",
             x, a.transposed ? " transposed" : "", y, b.transposed ? " transposed" : "", x[a_inner],
             y[b_inner]);
  return {{x.elements(0, x.rank() - 2), x[rows], y[cols], x[a_inner], a.transposed, b.transposed},
          x.with(-2, x[rows]).with(-1, y[cols])};
}

void run(Tensor& c, const Tensor& a, const Tensor& b, const Tensor* bias,
         kernels::Activation activation, const kernels::MatmulShape& sizes) {
  visit_product("matmul", a.dtype(), [&]<class T, class C>() {
    std::visit(
        [&](auto device) {
          kernels::matmul<T, C>(device, c.data<C>(), a.data<T>(), b.data<T>(),
                                bias != nullptr ? bias->data<C>() : nullptr, activation, sizes);
        },
        a.device());
  });
}

}  // namespace

void matmul(Tensor& c, MatmulInput a, MatmulInput b) {
  const Plan plan = plan_of(a, b);
  check_product("matmul", "the output", c, plan.output, a.tensor);
  run(c, a.tensor, b.tensor, nullptr, kernels::Activation::none, plan.sizes);
}

Tensor matmul(MatmulInput a, MatmulInput b) {
  const Plan plan = plan_of(a, b);
  Tensor c = Tensor::empty(plan.output, product_dtype(a.tensor.dtype()), a.tensor.device());
  run(c, a.tensor, b.tensor, nullptr, kernels::Activation::none, plan.sizes);
  return c;
}

Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias,
              kernels::Activation activation) {
  check_same_kind("linear", x, w);
  WEFT_CHECK(w.rank() == 2 && x.rank() >= 1 && x.size(-1) == w.size(1),
             "linear: x is {} and w is {}; the last axis of x must equal the second of w ({})",
             x.shape(), w.shape(), w.rank() == 2 ? w.size(1) : -1);
  if (bias.defined()) {
    WEFT_CHECK(bias.shape() == Shape{w.size(0)},
               "linear: bias is {} and w is {}; bias must be ({})", bias.shape(), w.shape(),
               w.size(0));
    check_product("linear", "bias", bias, bias.shape(), x);
  }
  Tensor y = Tensor::empty(x.shape().with(-1, w.size(0)), product_dtype(x.dtype()), x.device());
  run(y, x, w, bias.defined() ? &bias : nullptr, activation,
      {1, x.shape().elements(0, x.rank() - 1), w.size(0), w.size(1), false, true});
  return y;
}

}  // namespace weft
