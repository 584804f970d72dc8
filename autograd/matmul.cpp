// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/activation.h"
#include "weft/autograd/autocast.h"
#include "weft/autograd/ops.h"
#include "weft/autograd/tape.h"
#include "weft/tensor/product.h"

namespace weft {

namespace {

// x under another shape, then repeated.
Variable viewed_and_repeated(const Variable& x, const Shape& view, const Shape& full) {
  const Variable viewed = x.shape() == view ? x : reshape(x, view);
  return view == full ? viewed : broadcast_to(viewed, full);
}

// With op(A) for A as it is or transposed: dop(A) = dC·op(B)ᵀ and dop(B) = op(A)ᵀ·dC.
Variable product(const Variable& a, bool ta, const Variable& b, bool tb) {
  const Tensor A = autocast(a), B = autocast(b);
  return record("matmul", matmul(MatmulInput(A, ta), MatmulInput(B, tb)),
                edge(a,
                     [B = B, ta, tb](const Tensor& dC, Tensor& dA) {
                       const Tensor d = dC.to(B.dtype());
                       if (ta) matmul(dA, {B, tb}, transposed(d));
                       else matmul(dA, d, {B, !tb});
                     }),
                edge(b, [A = A, ta, tb](const Tensor& dC, Tensor& dB) {
                  const Tensor d = dC.to(A.dtype());
                  if (tb) matmul(dB, transposed(d), {A, ta});
                  else matmul(dB, {A, !ta}, d);
                }));
}

}  // namespace

Variable matmul(MatmulOperand a, MatmulOperand b) {
  const ProductShapes shapes =
      product_shapes(a.variable.shape(), a.transposed, b.variable.shape(), b.transposed);
  Variable c = product(viewed_and_repeated(a.variable, shapes.a, shapes.a_full), a.transposed,
                       viewed_and_repeated(b.variable, shapes.b, shapes.b_full), b.transposed);
  return c.shape() == shapes.result ? c : reshape(c, shapes.result);
}

Variable linear(const Variable& x, const Variable& w, const Variable& bias,
                kernels::Activation activation) {
  // An activation whose slope needs its input cannot be fused when gradients are on, because the
  // fused op does not store that input.
  if (activation != kernels::Activation::none && !slope_from_output(activation) && grad_enabled())
    return activate(linear(x, w, bias), activation);

  const Tensor X = autocast(x), W = autocast(w);
  const Tensor no_bias;
  Tensor y = linear(X, W, bias.defined() ? bias.value() : no_bias, activation);
  const Tensor kept = activation == kernels::Activation::none ? Tensor() : y;
  const Variable absent;
  if (kept.defined()) note_op([&] { return std::string(name_of(activation)); });
  return record(
      "linear", std::move(y),
      multi_input_edge(
          std::array{&w, bias.defined() ? &bias : &absent, &x},
          [X = X, W = W, kept = kept, activation](const Tensor& dY, std::span<Tensor* const> dx) {
            const i64 rows = dY.shape().elements(0, dY.rank() - 1);
            Tensor dZ = dY.reshape(Shape{rows, dY.size(-1)});
            if (kept.defined()) {
              dZ = Tensor::empty_like(dZ);
              activation_backward(dZ, dY.reshape(dZ.shape()), kept.reshape(dZ.shape()), activation);
            }
            const Tensor factor = dZ.to(X.dtype());
            if (dx[0] != nullptr) matmul(*dx[0], transposed(factor), X.reshape({rows, X.size(-1)}));
            if (dx[1] != nullptr) sum_to(*dx[1], dZ);
            if (dx[2] != nullptr) {
              Tensor flat = dx[2]->reshape({rows, X.size(-1)});
              matmul(flat, factor, W);
            }
          }));
}

}  // namespace weft
