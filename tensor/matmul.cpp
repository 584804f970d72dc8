// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/matmul.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/product.h"

namespace weft {
namespace {

// The sizes of a product of two matrices, or of two batches with equal leading axes.
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

Tensor repeated(const Tensor& x, const Shape& shape) {
  if (x.shape() == shape) return x;
  Tensor y = Tensor::empty(shape, x.dtype(), x.device());
  broadcast_to(y, x);
  return y;
}

Shape leading_axes(const Shape& shape) { return shape.without(-1).without(-1); }

// A shape with the leading axes of one and the matrices of another.
Shape batch_of(const Shape& leading, const Shape& matrices) {
  return leading.inserted(leading.rank(), matrices[-2]).inserted(leading.rank() + 1, matrices[-1]);
}

// The shape to which the leading axes of matrices or batches broadcast.
Shape common_axes(const Shape& a, const Shape& b) {
  const Shape &longer = a.rank() >= b.rank() ? a : b, &shorter = a.rank() >= b.rank() ? b : a;
  Shape common = leading_axes(longer);
  for (int back = -1; back >= 2 - shorter.rank(); --back) {
    const i64 x = longer[back - 2], y = shorter[back - 2];
    WEFT_CHECK(x == y || x == 1 || y == 1,
               "matmul: a is {} and b is {}; the leading axes must be equal or 1, counted from the "
               "last",
               a, b);
    common = common.with(back, x == 1 ? y : x);
  }
  return common;
}

}  // namespace

ProductShapes product_shapes(const Shape& a, bool transpose_a, const Shape& b, bool transpose_b) {
  WEFT_CHECK(a.rank() >= (transpose_a ? 2 : 1) && b.rank() >= (transpose_b ? 2 : 1),
             "matmul: a is {}{} and b is {}{}; at least one axis is required, or two to transpose",
             a, transpose_a ? " transposed" : "", b, transpose_b ? " transposed" : "");
  const Shape x = a.rank() == 1 ? a.inserted(0, 1) : a, y = b.rank() == 1 ? b.inserted(1, 1) : b;
  const i64 k = x[transpose_a ? -2 : -1];
  WEFT_CHECK(k == y[transpose_b ? -1 : -2],
             "matmul: a is {}{} and b is {}{}; the columns of a ({}) must equal the rows of b ({})",
             a, transpose_a ? " transposed" : "", b, transpose_b ? " transposed" : "", k,
             y[transpose_b ? -1 : -2]);
  if (a.rank() == 2 && b.rank() == 2)  // what the rest gives, nearly always
    return {a, a, b, b, {a[transpose_a ? -1 : -2], b[transpose_b ? -2 : -1]}};
  const Shape common = common_axes(x, y);
  Shape result = common;
  if (a.rank() > 1) result = result.inserted(result.rank(), x[transpose_a ? -1 : -2]);
  if (b.rank() > 1) result = result.inserted(result.rank(), y[transpose_b ? -2 : -1]);
  // The rows of all matrices of a are multiplied at once with a matrix b.
  if (y.rank() == 2 && !transpose_a) {
    const Shape rows{x.elements(0, x.rank() - 1), k};
    return {rows, rows, y, y, result};
  }
  return {x, batch_of(common, x), y, batch_of(common, y), result};
}

void matmul(Tensor& c, MatmulInput a, MatmulInput b) {
  const Plan plan = plan_of(a, b);
  check_product("matmul", "the output", c, plan.output, a.tensor);
  run(c, a.tensor, b.tensor, nullptr, kernels::Activation::none, plan.sizes);
}

Tensor matmul(MatmulInput a, MatmulInput b) {
  check_same_kind("matmul", a.tensor, b.tensor);
  const ProductShapes shapes =
      product_shapes(a.tensor.shape(), a.transposed, b.tensor.shape(), b.transposed);
  const Tensor A = repeated(a.tensor.reshape(shapes.a), shapes.a_full),
               B = repeated(b.tensor.reshape(shapes.b), shapes.b_full);
  const Plan plan = plan_of({A, a.transposed}, {B, b.transposed});
  Tensor c = Tensor::empty(plan.output, product_dtype(A.dtype()), A.device());
  run(c, A, B, nullptr, kernels::Activation::none, plan.sizes);
  return c.reshape(shapes.result);
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
