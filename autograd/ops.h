// SPDX-License-Identifier: Apache-2.0
// The catalogue of differentiable operations. Each has the name, the shapes and the errors of its
// counterpart in tensor/ops.h. Its gradient is beside its forward computation in
// autograd/<name>.cpp, and its row is in tests/autograd/.
#pragma once
#include <initializer_list>
#include <optional>
#include <span>
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/tensor/ops.h"

namespace weft {

// --- elementwise (autograd/elementwise.cpp) ------------------------------------------------------
#define WEFT_DECLARE(op, Op) Variable op(const Variable& x);
WEFT_UNARY_OPS(WEFT_DECLARE)
#undef WEFT_DECLARE
#define WEFT_DECLARE(op, Op) Variable op(const Variable& a, const Variable& b);
WEFT_BINARY_OPS(WEFT_DECLARE)
#undef WEFT_DECLARE
Variable affine(const Variable& x, double scale, double shift);
Variable div(const Variable& x, double divisor);

// autograd/parametric.cpp
Variable clamp(const Variable& x, double low, double high);
Variable pow(const Variable& x, double exponent);
// autograd/where.cpp. Comparisons (eq, lt, …) are ops on tensors and give the condition.
Variable where(const Tensor& condition, const Variable& a, const Variable& b);
Variable masked_fill(const Variable& x, const Tensor& mask, double value);

inline Variable operator-(const Variable& x) { return neg(x); }
inline Variable operator+(const Variable& a, const Variable& b) { return add(a, b); }
inline Variable operator-(const Variable& a, const Variable& b) { return sub(a, b); }
inline Variable operator*(const Variable& a, const Variable& b) { return mul(a, b); }
inline Variable operator/(const Variable& a, const Variable& b) { return div(a, b); }
inline Variable operator+(const Variable& x, double c) { return affine(x, 1.0, c); }
inline Variable operator-(const Variable& x, double c) { return affine(x, 1.0, -c); }
inline Variable operator*(const Variable& x, double c) { return affine(x, c, 0.0); }
inline Variable operator/(const Variable& x, double c) { return div(x, c); }
inline Variable operator+(double c, const Variable& x) { return affine(x, 1.0, c); }
inline Variable operator-(double c, const Variable& x) { return affine(x, -1.0, c); }
inline Variable operator*(double c, const Variable& x) { return affine(x, c, 0.0); }

// --- reductions (autograd/reduce.cpp) ------------------------------------------------------------
Variable sum(const Variable& x);
Variable sum(const Variable& x, int axis);
Variable mean(const Variable& x);
Variable mean(const Variable& x, int axis);
Variable sum(const Variable& x, std::initializer_list<int> axes, bool keepdim = true);
Variable mean(const Variable& x, std::initializer_list<int> axes, bool keepdim = true);
Variable var(const Variable& x, std::initializer_list<int> axes, const VarOptions& options = {});
// The gradient is divided evenly among the elements that are equal to the result, as in PyTorch.
Variable amax(const Variable& x, std::initializer_list<int> axes, bool keepdim = true);
Variable amin(const Variable& x, std::initializer_list<int> axes, bool keepdim = true);
// autograd/choice.cpp. The gradient goes to the chosen elements.
struct ChoiceResult {
  Variable value;
  Tensor index;  // int64
};
ChoiceResult max(const Variable& x, int axis);
ChoiceResult min(const Variable& x, int axis);
ChoiceResult top_k(const Variable& x, i64 k);

// --- shape (autograd/shape.cpp) ------------------------------------------------------------------
// The result shares the elements of x under another shape. One size may be -1.
Variable reshape(const Variable& x, const Shape& shape);
// Flattens all axes but the first: (batch, …) → (batch, rest).
Variable flatten(const Variable& x);
Variable permute(const Variable& x, std::initializer_list<int> order);
// The result is x repeated to `shape` by the broadcasting rule.
Variable broadcast_to(const Variable& x, const Shape& shape);

// --- parts of an axis (autograd/narrow.cpp) ------------------------------------------------------
Variable narrow(const Variable& x, int axis, i64 begin, i64 length);
Variable pad(const Variable& x, int axis, i64 before, i64 after, double value = 0);
Variable concat(std::span<const Variable> inputs, int axis);
inline Variable concat(std::initializer_list<Variable> inputs, int axis) {
  return concat(std::span(inputs.begin(), inputs.size()), axis);
}
Variable stack(std::span<const Variable> inputs, int axis);
inline Variable stack(std::initializer_list<Variable> inputs, int axis) {
  return stack(std::span(inputs.begin(), inputs.size()), axis);
}
// Cuts an axis into parts of `size` entries; the last part may be shorter. An empty axis gives one
// empty part.
std::vector<Variable> split(const Variable& x, i64 size, int axis);
// Cuts an axis into parts of these sizes, whose sum is that of the axis.
std::vector<Variable> split(const Variable& x, std::span<const i64> sizes, int axis);
inline std::vector<Variable> split(const Variable& x, std::initializer_list<i64> sizes, int axis) {
  return split(x, std::span(sizes.begin(), sizes.size()), axis);
}
// Cuts an axis into `count` parts of equal size, of which the last may be shorter. As in PyTorch
// there are fewer parts if the size does not suffice for `count`.
std::vector<Variable> chunk(const Variable& x, i64 count, int axis);

// --- choosing by index (autograd/gather.cpp) -----------------------------------------------------
Variable index_select(const Variable& x, int axis, const Tensor& index);
Variable gather(const Variable& x, int axis, const Tensor& index);

// --- matmul (autograd/matmul.cpp) ----------------------------------------------------------------
// A transposed input is not copied, as in tensor/ops.h.
struct MatmulOperand {
  MatmulOperand(const Variable& x) : variable(x) {}  // NOLINT(google-explicit-constructor)
  const Variable& variable;
  bool transposed = false;
};
inline MatmulOperand transposed(const Variable& matrix) {
  MatmulOperand operand = matrix;
  operand.transposed = true;
  return operand;
}
Variable matmul(MatmulOperand a, MatmulOperand b);
inline Variable matmul(const Variable& a, const Variable& b) {
  return matmul(MatmulOperand(a), MatmulOperand(b));
}
// Computes activation(x·wᵀ + bias) in one op. bias may be undefined. w is (out, in), as in PyTorch.
Variable linear(const Variable& x, const Variable& w, const Variable& bias,
                kernels::Activation activation = kernels::Activation::none);

// --- images: (batch, height, width, channels) ----------------------------------------------------
// autograd/conv2d.cpp; bias may be undefined. w is (out, kernel_h, kernel_w, channels/groups).
Variable conv2d(const Variable& x, const Variable& w, const Variable& bias,
                const Conv2dOptions& options = {});

// autograd/pool2d.cpp
Variable max_pool2d(const Variable& x, const Pool2dOptions& options = {});
Variable avg_pool2d(const Variable& x, const Pool2dOptions& options = {});
Variable global_avg_pool(const Variable& x);

// --- batch norm (autograd/batch_norm.cpp), over all axes but the last ----------------------------
// y = gamma·x̂ + beta [+ residual], then relu if asked for; gamma, beta and residual may be
// undefined. mean and variance are the statistics of this batch, (channels) in f64, for
// commit_running_stats(). Those of a SharedBatch are of the rows of all ranks
// (autograd/shared_batch.h).
struct BatchNormResult {
  Variable y;
  Tensor mean, variance;
};
BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                           const BatchNormOptions& options = {}, const Variable& residual = {});
// The same for images, followed by max_pool2d over windows of 2 × 2 pixels, in one pass
// (kernels/batch_norm_pool.h). With a SharedBatch it is two ops.
BatchNormResult batch_norm_pool(const Variable& x, const Variable& gamma, const Variable& beta,
                                const BatchNormOptions& options = {});
// Normalises with running statistics, which are constants for the gradient.
Variable batch_norm_eval(const Variable& x, const Variable& gamma, const Variable& beta,
                         const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormOptions& options = {}, const Variable& residual = {});

// --- softmax (autograd/softmax.cpp), over the last axis ------------------------------------------
Variable softmax(const Variable& x);
Variable log_softmax(const Variable& x);

// --- normalisation, embedding, dropout -----------------------------------------------------------
// Normalises over the last axis. weight and bias are (columns), or both undefined
// (autograd/layer_norm.cpp).
Variable layer_norm(const Variable& x, const Variable& weight, const Variable& bias,
                    double eps = 1e-5);
// Maps int64 indices (…) to rows of the table, (…, columns) (autograd/embedding.cpp).
Variable embedding(const Variable& table, const Tensor& indices);
// Each element becomes 0 with probability p and x/(1 − p) otherwise. For p = 0 the result is x
// itself (autograd/dropout.cpp).
Variable dropout(const Variable& x, double p);

// --- losses --------------------------------------------------------------------------------------
// Softmax cross-entropy (autograd/cross_entropy.cpp). The target has int64 labels (rows), or
// probabilities (rows, classes) in the logits' dtype. A Variable of probabilities gets a gradient.
Variable cross_entropy(const Variable& logits, const Tensor& target,
                       const CrossEntropyOptions& options = {});
Variable cross_entropy(const Variable& logits, const Variable& target,
                       const CrossEntropyOptions& options = {});
Variable cross_entropy(const Variable& logits, const Tensor& labels, double label_smoothing);

// The losses (x − target)², |x − target|, Huber, and the binary cross-entropy of σ(x) with a target
// in [0, 1] (autograd/pointwise_loss.cpp). A target that requires a gradient gets one. The values
// of a target are not looked at, because they may be on a GPU: with one outside [0, 1] the binary
// cross-entropy may be negative and has no minimum, so that training drives x to infinity.
Variable mse(const Variable& x, const Variable& target, Reduction reduction = Reduction::mean);
Variable l1(const Variable& x, const Variable& target, Reduction reduction = Reduction::mean);
Variable huber(const Variable& x, const Variable& target, double delta = 1.0,
               Reduction reduction = Reduction::mean);
Variable bce_with_logits(const Variable& x, const Variable& target,
                         Reduction reduction = Reduction::mean);

}  // namespace weft
