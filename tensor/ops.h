// SPDX-License-Identifier: Apache-2.0
// The catalogue of operations on tensors. They record nothing; autograd/ops.h has the
// differentiable ones.
//
// Most come in two forms: `Tensor c = add(a, b)` and `add(c, a, b)`, which writes all of c (checked
// for shape, dtype and device) and may alias an input of c's shape where the kernel's header says
// so. Inputs of one call share dtype and device. Every check throws UserError: "op: given;
// required".
#pragma once
#include <optional>

#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/elementwise_ops.h"
#include "weft/kernels/library/matmul.h"
#include "weft/kernels/pointwise_loss_ops.h"
#include "weft/tensor/random.h"
#include "weft/tensor/tensor.h"

namespace weft {

// --- elementwise (tensor/elementwise.cpp) --------------------------------------------------------
#define WEFT_DECLARE(op, Op)  \
  Tensor op(const Tensor& x); \
  void op(Tensor& y, const Tensor& x);
WEFT_UNARY_OPS(WEFT_DECLARE)
#undef WEFT_DECLARE
#define WEFT_DECLARE(op, Op)                   \
  Tensor op(const Tensor& a, const Tensor& b); \
  void op(Tensor& c, const Tensor& a, const Tensor& b);
WEFT_BINARY_OPS(WEFT_DECLARE)
#undef WEFT_DECLARE
// scale·x + shift
Tensor affine(const Tensor& x, double scale, double shift);
void affine(Tensor& y, const Tensor& x, double scale, double shift);
// dx = dy·slope(kept); dx may be dy. `kept` is what the formula keeps.
template <class Op>
void unary_backward(Tensor& dx, const Tensor& dy, const Tensor& kept);
// The gradients of a binary formula before they are summed to the inputs' shapes, each of c's
// shape. Undefined outputs are not computed.
template <class Op>
void binary_backward(Tensor* da, Tensor* db, const Tensor& dc, const Tensor& a, const Tensor& b);

// --- reductions (tensor/reduce.cpp) --------------------------------------------------------------
// Over all elements: a scalar. Over one axis: the axis stays, with size 1, so that the result
// broadcasts against x. The order of summation depends on the sizes alone, not on the threads.
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, int axis);
// Throws UserError when the axis has no elements.
Tensor max(const Tensor& x, int axis);
// int64, the first of equal ones.
Tensor argmax(const Tensor& x, int axis);
// The sum over the axes along which `shape` was broadcast to x's shape.
void sum_to(Tensor& y, const Tensor& x);
// x repeated to y's shape by the broadcasting rule.
void broadcast_to(Tensor& y, const Tensor& x);

// --- layout (tensor/permute.cpp) -----------------------------------------------------------------
// The axes in another order: result axis i is x's axis order[i]. Copies.
Tensor permute(const Tensor& x, std::initializer_list<int> order);
void permute(Tensor& y, const Tensor& x, std::span<const int> order);

// --- matmul (tensor/matmul.cpp) ------------------------------------------------------------------
// A matrix, or a batch of them, as it is or transposed (no copy is made).
struct MatmulInput {
  MatmulInput(const Tensor& matrix) : tensor(matrix) {}  // NOLINT(google-explicit-constructor)
  MatmulInput(const Tensor& matrix, bool transpose) : tensor(matrix), transposed(transpose) {}
  const Tensor& tensor;
  bool transposed = false;
};
inline MatmulInput transposed(const Tensor& matrix) { return {matrix, true}; }
// Products of half types (f16, bf16) come out as f32, here, in linear and in conv2d, whose biases
// are f32 too. (m, k)·(k, n) → (m, n), or with equal leading axes (…, m, k)·(…, k, n) → (…, m, n).
Tensor matmul(MatmulInput a, MatmulInput b);
inline Tensor matmul(const Tensor& a, const Tensor& b) {
  return matmul(MatmulInput(a), MatmulInput(b));
}
void matmul(Tensor& c, MatmulInput a, MatmulInput b);
// activation(x·wᵀ + bias): x (…, in), w (out, in), bias (out) or undefined.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias,
              kernels::Activation activation = kernels::Activation::none);

// --- images: (batch, height, width, channels) ----------------------------------------------------
// A number for each of the two axes of an image; one number stands for both.
struct HeightWidth {
  HeightWidth(i64 both) : h(both), w(both) {}  // NOLINT(google-explicit-constructor)
  HeightWidth(i64 height, i64 width) : h(height), w(width) {}
  i64 h, w;
};

// --- conv2d (tensor/conv2d.cpp) ------------------------------------------------------------------
struct Conv2dOptions {
  HeightWidth stride = 1, padding = 0, dilation = 1;
  i64 groups = 1;
  kernels::Activation activation = kernels::Activation::none;
};
// x (batch, height, width, channels), w (out, kernel_h, kernel_w, channels/groups), bias (out) or
// undefined → (batch, out_height, out_width, out), with
// out_height = (height + 2·padding − dilation·(kernel_h − 1) − 1) div stride + 1.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias,
              const Conv2dOptions& options = {});
// The gradients, for options without an activation. `dbias` may be null.
void conv2d_input_gradient(Tensor& dx, const Tensor& dy, const Tensor& w,
                           const Conv2dOptions& options);
void conv2d_weight_gradient(Tensor& dw, Tensor* dbias, const Tensor& dy, const Tensor& x,
                            const Conv2dOptions& options);

// --- pooling (tensor/pool2d.cpp) -----------------------------------------------------------------
struct Pool2dOptions {
  HeightWidth kernel = 2, stride = 0, padding = 0;  // stride 0: the kernel's size
};
// x (batch, height, width, channels) → (batch, out_height, out_width, channels), with
// out_height = (height + 2·padding − kernel_h) div stride + 1. Padding never wins a maximum; in an
// average it counts as zeros.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});
// (batch, height, width, channels) → (batch, channels)
Tensor global_avg_pool(const Tensor& x);
// What the backward pass of max_pool2d wants: for each output the tap it came from, row by row
// through the window (uint8 for up to 255 taps, else int32).
struct MaxPool2dResult {
  Tensor y, index;
};
MaxPool2dResult max_pool2d_with_index(const Tensor& x, const Pool2dOptions& options,
                                      bool wants_index);
void max_pool2d_backward(Tensor& dx, const Tensor& dy, const Tensor& index,
                         const Pool2dOptions& options);
void avg_pool2d_backward(Tensor& dx, const Tensor& dy, const Pool2dOptions& options);
void global_avg_pool_backward(Tensor& dx, const Tensor& dy);

// --- batch norm (tensor/batch_norm.cpp), over all axes but the last ------------------------------
struct BatchNormOptions {
  double eps = 1e-5;
  bool relu = false;  // after the residual
};
// Of each channel of x (…, channels), all (channels) in f64: mean, 1/√(variance + eps), and the
// variance that divides by rows − 1, for the running statistics. At least two rows are required.
struct BatchStatistics {
  Tensor mean, inv_std, variance;
};
BatchStatistics batch_statistics(const Tensor& x, double eps);
// What evaluation normalises with: mean and inv_std of the running statistics (channels).
BatchStatistics running_statistics(const Tensor& running_mean, const Tensor& running_var,
                                   double eps);
// (x − mean)·inv_std·gamma + beta + residual, then relu; gamma, beta and residual may be undefined.
Tensor batch_norm(const Tensor& x, const BatchStatistics& statistics, const Tensor& gamma,
                  const Tensor& beta, const Tensor& residual, bool relu);
// Those that are null are not computed. dresidual, or dx without it, may be dy.
struct BatchNormGradients {
  Tensor *dx = nullptr, *dresidual = nullptr, *dgamma = nullptr, *dbeta = nullptr;
};
// `y` is required where a relu follows a residual.
void batch_norm_backward(const BatchNormGradients& gradients, const Tensor& dy, const Tensor& x,
                         const Tensor& y, const BatchStatistics& statistics, const Tensor& gamma,
                         const Tensor& beta, bool relu, bool constant_statistics);
// running += momentum·(batch − running), unless *skip, which lies on the tensors' device and may be
// null: statistics are committed with the optimizer's step, and not on a skipped one. `batches`
// (int64, a scalar; may be undefined) is counted up with it.
void commit_running_stats(Tensor& running_mean, Tensor& running_var, const Tensor& batch_mean,
                          const Tensor& batch_var, double momentum, const bool* skip = nullptr,
                          const Tensor& batches = {});

// --- softmax (tensor/softmax.cpp), over the last axis --------------------------------------------
Tensor softmax(const Tensor& x);
void softmax(Tensor& y, const Tensor& x);
void softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y);
Tensor log_softmax(const Tensor& x);
void log_softmax(Tensor& y, const Tensor& x);
void log_softmax_backward(Tensor& dx, const Tensor& dy, const Tensor& y);

// --- cross-entropy (tensor/cross_entropy.cpp) ----------------------------------------------------
// Row r counts class_weights[labels[r]] times, and the mean divides by the sum of these; rows
// labelled `ignore_index` count for nothing. Smoothing spreads over the classes by their weights,
// as in PyTorch. Without a row of any weight the loss is 0, and so is its gradient.
struct CrossEntropyOptions {
  double label_smoothing = 0;  // in [0, 1)
  // (classes) beside the logits, each finite and 0 or more; undefined: all 1. Another one is a
  // UserError on the CPU; elsewhere a row of a class with a weight below 0 has a loss of NaN.
  Tensor class_weights = {};
  std::optional<i64> ignore_index = {};  // may lie outside of the classes
};
struct CrossEntropy {
  Tensor loss;  // mean over the rows, a scalar
  // For the backward pass: (rows), and what one row of weight 1 is of the mean, undefined where all
  // rows are that.
  Tensor log_sum_exp, share;
};
// logits (rows, classes), labels int64 (rows) in [0, classes): a label outside is a UserError
// naming it on the CPU, and a loss of NaN elsewhere.
CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels,
                           const CrossEntropyOptions& options = {});
void cross_entropy_backward(Tensor& dlogits, const Tensor& dloss, const Tensor& logits,
                            const Tensor& log_sum_exp, const Tensor& share, const Tensor& labels,
                            const CrossEntropyOptions& options);

// --- layer_norm (tensor/layer_norm.cpp), over the last axis --------------------------------------
struct LayerNorm {
  Tensor y;
  Tensor mean, rstd;  // one number per row, for the backward pass
};
// x (…, columns), columns ≥ 1; weight and bias (columns), or both undefined.
LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
// Null gradients are not computed.
void layer_norm_backward(Tensor* dx, Tensor* dweight, Tensor* dbias, const Tensor& dy,
                         const Tensor& x, const Tensor& weight, const Tensor& mean,
                         const Tensor& rstd);

// --- embedding (tensor/embedding.cpp) ------------------------------------------------------------
// Rows of a table (rows, columns), by int64 indices of any shape: (…) → (…, columns). An index
// outside is a UserError naming it on the CPU, and rows of NaN elsewhere.
Tensor embedding(const Tensor& table, const Tensor& indices);
void embedding_backward(Tensor& dtable, const Tensor& dy, const Tensor& indices);

// --- dropout (tensor/dropout.cpp) ----------------------------------------------------------------
// x/(1 − p) where the mask of `random` keeps an element, else 0; 0 ≤ p ≤ 1. y may be x. The first
// axis is the sample. See Note [Random ops] in tensor/random.h.
void dropout(Tensor& y, const Tensor& x, double p, const RandomOp& random);

// --- pointwise losses (tensor/pointwise_loss.cpp) ------------------------------------------------
// Over all elements: their mean or sum, a scalar; none: one loss per element, of x's shape.
enum class Reduction { mean, sum, none };
// For the formulas of kernels/pointwise_loss_ops.h; x and target have one shape.
template <class Op>
Tensor pointwise_loss(const Tensor& x, const Tensor& target, double parameter, Reduction reduction);
// dx may be dloss under Reduction::none.
template <class Op>
void pointwise_loss_backward(Tensor& dx, const Tensor& dloss, const Tensor& x, const Tensor& target,
                             double parameter, Reduction reduction);

// --- counting (tensor/count_top_k.cpp) -----------------------------------------------------------
// Adds to `count` (int64, a scalar) the rows of scores (rows, classes) whose label is among the k
// largest. Labels must be in [0, classes): not checked here.
void count_top_k(Tensor& count, const Tensor& scores, const Tensor& labels, i64 k);

// --- inputs (tensor/gather_rows.cpp, tensor/normalize.cpp) ---------------------------------------
// Entries of x's first axis, of any dtype, by int64 indices (n): (rows, …) → (n, …). An index
// outside is a UserError on the CPU, and an entry of bytes 0xff (NaN, −1) elsewhere.
Tensor gather_rows(const Tensor& x, const Tensor& index);
// x·factor + offset in f32, from uint8 or f32; factor and offset (f32) have one value per entry of
// x's last axis.
Tensor normalize(const Tensor& x, const Tensor& factor, const Tensor& offset);

}  // namespace weft
