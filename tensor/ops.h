// SPDX-License-Identifier: Apache-2.0
// The catalogue of operations on tensors. These ops record no gradient; the differentiable ones are
// in autograd/ops.h.
//
// Most ops have two forms. `Tensor c = add(a, b)` allocates its result. `add(c, a, b)` writes all
// of c, whose shape, dtype and device are checked; c may alias an input of c's shape where the
// kernel's header says so. The inputs of one call share dtype and device. Every check throws
// UserError: "op: given; required".
#pragma once
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>

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
// Computes scale·x + shift for each element.
Tensor affine(const Tensor& x, double scale, double shift);
void affine(Tensor& y, const Tensor& x, double scale, double shift);
// x/divisor
Tensor div(const Tensor& x, double divisor);
void div(Tensor& y, const Tensor& x, double divisor);
// Computes dx = gradient(dy, kept), where `kept` is the tensor that the formula keeps: its input or
// its output (kernels/elementwise_ops.h). dx may be dy.
template <class Op>
void unary_backward(Tensor& dx, const Tensor& dy, const Tensor& kept);
// Computes the gradients of a binary formula before they are summed to the shapes of the inputs;
// both have the shape of c. An output that is null or undefined is not computed.
template <class Op>
void binary_backward(Tensor* da, Tensor* db, const Tensor& dc, const Tensor& a, const Tensor& b);

// --- elementwise with parameters (tensor/parametric.cpp) -----------------------------------------
// Computes min(max(x, low), high). One bound may be infinite. NaN stays NaN.
Tensor clamp(const Tensor& x, double low, double high);
// dx may be dy in both. The gradient of clamp is dy at the bounds, as in PyTorch.
void clamp_backward(Tensor& dx, const Tensor& dy, const Tensor& x, double low, double high);
// Computes x^exponent. It is NaN for x < 0 unless the exponent is an integer.
Tensor pow(const Tensor& x, double exponent);
void pow_backward(Tensor& dx, const Tensor& dy, const Tensor& x, double exponent);

// --- comparisons (tensor/compare.cpp) and choices (tensor/where.cpp) -----------------------------
// A comparison gives uint8, 1 where it holds and 0 elsewhere, in the shape that the inputs
// broadcast to. They are f32, f64 or integers. NaN is unequal to everything, also to itself.
Tensor eq(const Tensor& a, const Tensor& b);
Tensor ne(const Tensor& a, const Tensor& b);
Tensor lt(const Tensor& a, const Tensor& b);
Tensor le(const Tensor& a, const Tensor& b);
Tensor gt(const Tensor& a, const Tensor& b);
Tensor ge(const Tensor& a, const Tensor& b);
Tensor eq(const Tensor& a, double b);
Tensor ne(const Tensor& a, double b);
Tensor lt(const Tensor& a, double b);
Tensor le(const Tensor& a, double b);
Tensor gt(const Tensor& a, double b);
Tensor ge(const Tensor& a, double b);
// The elements of a where the condition (uint8) is not 0, and those of b elsewhere. All three
// broadcast, and a and b have any one dtype. y may be an input of its shape.
Tensor where(const Tensor& condition, const Tensor& a, const Tensor& b);
void where(Tensor& y, const Tensor& condition, const Tensor& a, const Tensor& b);
// x, with `value` where the mask (uint8, broadcast to the shape of x) is not 0.
Tensor masked_fill(const Tensor& x, const Tensor& mask, double value);

// --- reductions (tensor/reduce.cpp) --------------------------------------------------------------
// A reduction over all elements gives a scalar. A reduction over one axis keeps the axis with size
// 1, so that the result broadcasts against x. The order of summation depends on the sizes alone,
// not on the threads.
Tensor sum(const Tensor& x);
Tensor sum(const Tensor& x, int axis);
Tensor mean(const Tensor& x);
Tensor mean(const Tensor& x, int axis);
// The same over several axes. Without keepdim the result has not these axes.
Tensor sum(const Tensor& x, std::initializer_list<int> axes, bool keepdim = true);
Tensor mean(const Tensor& x, std::initializer_list<int> axes, bool keepdim = true);
// The variance over axes divides by their elements − correction, which must be above 0.
struct VarOptions {
  i64 correction = 1;
  bool keepdim = true;
};
Tensor var(const Tensor& x, std::initializer_list<int> axes, const VarOptions& options = {});
// The largest and the smallest element. NaN counts as beyond all others. Throws UserError when an
// axis has no elements.
Tensor amax(const Tensor& x, std::initializer_list<int> axes, bool keepdim = true);
Tensor amin(const Tensor& x, std::initializer_list<int> axes, bool keepdim = true);
Tensor max(const Tensor& x, int axis);
Tensor min(const Tensor& x, int axis);
// Elements and their int64 indices along the axis. Of equal elements the first is chosen.
struct Choice {
  Tensor value, index;
};
Choice max_with_index(const Tensor& x, int axis);
Choice min_with_index(const Tensor& x, int axis);
Tensor argmax(const Tensor& x, int axis);  // the index alone
Tensor argmin(const Tensor& x, int axis);
// The k largest elements along the last axis, in descending order, (…, size) → (…, k): NaN first,
// and of equal elements the first. A GPU reads x k times (tensor/top_k.cpp).
Choice top_k(const Tensor& x, i64 k);
// y is the sum of x over the axes along which y was broadcast to the shape of x.
void sum_to(Tensor& y, const Tensor& x);
// y is x repeated to the shape of y by the broadcasting rule.
void broadcast_to(Tensor& y, const Tensor& x);

// --- layout (tensor/permute.cpp) -----------------------------------------------------------------
// Axis i of the result is axis order[i] of x. The elements are copied.
Tensor permute(const Tensor& x, std::initializer_list<int> order);
void permute(Tensor& y, const Tensor& x, std::span<const int> order);

// --- parts of an axis (tensor/narrow.cpp), for any dtype -----------------------------------------
// The entries [begin, begin + length) of an axis. Without a larger axis before it the result is a
// view of x, otherwise a copy. y has the length that is wanted and is always a copy.
Tensor narrow(const Tensor& x, int axis, i64 begin, i64 length);
void narrow(Tensor& y, const Tensor& x, int axis, i64 begin);
// x with `before` and `after` entries of `value` added to an axis. y may be longer than
// before + x.size(axis); all its other entries are `value`.
Tensor pad(const Tensor& x, int axis, i64 before, i64 after, double value = 0);
void pad(Tensor& y, const Tensor& x, int axis, i64 before, double value = 0);
// Puts one or more tensors behind each other along an axis. All other sizes are equal.
Tensor concat(std::span<const Tensor> inputs, int axis);
inline Tensor concat(std::initializer_list<Tensor> inputs, int axis) {
  return concat(std::span(inputs.begin(), inputs.size()), axis);
}
// Puts tensors of one shape behind each other along a new axis, before the present axis `axis`.
// −1 adds a last axis.
Tensor stack(std::span<const Tensor> inputs, int axis);
inline Tensor stack(std::initializer_list<Tensor> inputs, int axis) {
  return stack(std::span(inputs.begin(), inputs.size()), axis);
}

// --- choosing by index (tensor/gather.cpp), for any dtype ----------------------------------------
// Indices are int64. On the CPU one outside the axis throws a UserError that names it; on a GPU all
// bytes of its elements are 0xff (NaN, −1). Gradients are summed in the order of the indices; that
// of index_select along the first axis is summed as embedding's.
// The entries of an axis that an index (n) chooses: (outer, size, inner) → (outer, n, inner).
Tensor index_select(const Tensor& x, int axis, const Tensor& index);
void index_select_backward(Tensor& dx, const Tensor& dy, int axis, const Tensor& index);
// Each element of the index chooses along the axis, at its own place on all other axes:
// y[o,j,i] = x[o,index[o,j,i],i]. x and the index have the same size on all other axes.
Tensor gather(const Tensor& x, int axis, const Tensor& index);
void gather_backward(Tensor& dx, const Tensor& dy, int axis, const Tensor& index);

// --- numbers in order (tensor/arange.cpp) --------------------------------------------------------
// begin, begin + 1, …, end − 1
Tensor arange(i64 begin, i64 end, DType dtype = DType::int64, const Device& device = Cpu{});
// 1 at the place that each int64 index names and 0 elsewhere: (…) → (…, classes). On the CPU an
// index outside throws a UserError that names it; on a GPU its row is NaN.
Tensor one_hot(const Tensor& index, i64 classes, DType dtype = DType::f32);

// --- matmul (tensor/matmul.cpp) ------------------------------------------------------------------
// An input of matmul is a matrix or a batch of matrices, as it is or transposed; a transposed one
// is not copied.
struct MatmulInput {
  MatmulInput(const Tensor& matrix) : tensor(matrix) {}  // NOLINT(google-explicit-constructor)
  MatmulInput(const Tensor& matrix, bool transpose) : tensor(matrix), transposed(transpose) {}
  const Tensor& tensor;
  bool transposed = false;
};
inline MatmulInput transposed(const Tensor& matrix) { return {matrix, true}; }
// The shapes are (m, k)·(k, n) → (m, n). Leading axes broadcast: (…, m, k)·(…, k, n) → (…, m, n),
// and an input that they repeat is copied, unless it is a matrix b behind an a that is not
// transposed. A vector a is a row and a vector b a column, and the result has no axis for them. The
// form that writes c takes matrices, or batches with equal leading axes.
// The result of half types (f16, bf16) is f32, in matmul, linear and conv2d; the biases of linear
// and conv2d are then f32 too.
Tensor matmul(MatmulInput a, MatmulInput b);
inline Tensor matmul(const Tensor& a, const Tensor& b) {
  return matmul(MatmulInput(a), MatmulInput(b));
}
void matmul(Tensor& c, MatmulInput a, MatmulInput b);
// Computes activation(x·wᵀ + bias) for x (…, in), w (out, in) and bias (out), which may be
// undefined.
Tensor linear(const Tensor& x, const Tensor& w, const Tensor& bias,
              kernels::Activation activation = kernels::Activation::none);

// --- images: (batch, height, width, channels) ----------------------------------------------------
// A value for each of the two axes of an image. One value stands for both.
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
// x is (batch, height, width, channels), w is (out, kernel_h, kernel_w, channels/groups), and bias
// is (out) or undefined. The result is (batch, out_height, out_width, out), with
// out_height = (height + 2·padding − dilation·(kernel_h − 1) − 1) div stride + 1,
// and out_width likewise.
Tensor conv2d(const Tensor& x, const Tensor& w, const Tensor& bias,
              const Conv2dOptions& options = {});
// These are the gradients of conv2d for options without an activation. `dbias` may be null.
void conv2d_input_gradient(Tensor& dx, const Tensor& dy, const Tensor& w,
                           const Conv2dOptions& options);
void conv2d_weight_gradient(Tensor& dw, Tensor* dbias, const Tensor& dy, const Tensor& x,
                            const Conv2dOptions& options);

// --- pooling (tensor/pool2d.cpp) -----------------------------------------------------------------
struct Pool2dOptions {
  HeightWidth kernel = 2, stride = 0, padding = 0;  // stride 0 means the kernel's size
};
// x is (batch, height, width, channels). The result is (batch, out_height, out_width, channels),
// with
// out_height = (height + 2·padding − kernel_h) div stride + 1,
// and out_width likewise. A padded element is never chosen as a maximum; in an average it counts as
// zero.
Tensor max_pool2d(const Tensor& x, const Pool2dOptions& options = {});
Tensor avg_pool2d(const Tensor& x, const Pool2dOptions& options = {});
// The result is the mean of each channel: (batch, height, width, channels) → (batch, channels).
Tensor global_avg_pool(const Tensor& x);
// `index` is what the backward pass of max_pool2d needs: for each output the position in its window
// of the element that was the maximum, counted row by row. It is uint8 for windows of up to 255
// elements, else int32, and undefined if it was not asked for.
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
  double eps = 1e-5;  // as for layer_norm
  bool relu = false;  // applied after the residual is added
};
// The other rows of a batch that lies in several processes (kernels/batch_norm.h, Note [Shared
// batch]). `sum` replaces the elements of an f64 tensor by their sums over the processes, which
// have the same bits and are asked for in the same order in each. Without it, x is the batch. If
// `counts` is false, x is padding, on which statistics and gradients of other rows do not depend.
struct SharedRows {
  std::function<void(const Tensor& values)> sum;
  bool counts = true;
};
// The statistics of each channel of x (…, channels), each (channels) in f64: mean, 1/√(variance +
// eps), and the variance that divides by rows − 1, for the running statistics. The batch must have
// at least two rows. For a shared batch sum() is called twice.
struct BatchStatistics {
  Tensor mean, inv_std, variance;
};
BatchStatistics batch_statistics(const Tensor& x, double eps, const SharedRows& shared = {});
// The mean and inv_std (channels) of the running statistics, with which evaluation normalises.
BatchStatistics running_statistics(const Tensor& running_mean, const Tensor& running_var,
                                   double eps);
// Computes (x − mean)·inv_std·gamma + beta + residual, then relu if asked for. gamma, beta and
// residual may be undefined.
Tensor batch_norm(const Tensor& x, const BatchStatistics& statistics, const Tensor& gamma,
                  const Tensor& beta, const Tensor& residual, bool relu);
// A null gradient is not computed. dresidual may be dy; dx may be dy where dresidual is not
// computed.
struct BatchNormGradients {
  Tensor *dx = nullptr, *dresidual = nullptr, *dgamma = nullptr, *dbeta = nullptr;
};
// `y` is required if a relu follows a residual. For a shared batch dgamma and dbeta are those of
// the rows of x, and sum() is called once if dx is computed and the statistics are not constant.
void batch_norm_backward(const BatchNormGradients& gradients, const Tensor& dy, const Tensor& x,
                         const Tensor& y, const BatchStatistics& statistics, const Tensor& gamma,
                         const Tensor& beta, bool relu, bool constant_statistics,
                         const SharedRows& shared = {});
// batch_norm and max_pool2d over windows of 2 × 2 pixels in one pass (kernels/batch_norm_pool.h). x
// is (batch, height, width, channels) with at least 2 × 2 pixels, and y (batch, height div 2,
// width div 2, channels). `best` and `index` have the shape of y. They are what the backward pass
// needs, and undefined if they were not asked for.
struct BatchNormPoolResult {
  Tensor y, best, index;
};
BatchNormPoolResult batch_norm_pool(const Tensor& x, const BatchStatistics& statistics,
                                    const Tensor& gamma, const Tensor& beta, bool relu,
                                    bool wants_index);
// The gradient has no residual. A null one is not computed. `saved` needs no y.
void batch_norm_pool_backward(const BatchNormGradients& gradients, const Tensor& dy,
                              const Tensor& x, const BatchNormPoolResult& saved,
                              const BatchStatistics& statistics, const Tensor& gamma,
                              const Tensor& beta, bool relu);
// Adds momentum·(batch − running) to the running statistics and 1 to `batches` (an int64 scalar,
// which may be undefined), unless *skip is true. `skip` lies on the device of the tensors and may
// be null. The running statistics are thus committed together with the optimizer step, and a
// skipped step leaves them as they are.
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

// --- losses --------------------------------------------------------------------------------------
// mean and sum reduce to a scalar. none gives one loss for each row or element.
enum class Reduction { mean, sum, none };

// --- cross-entropy (tensor/cross_entropy.cpp) ----------------------------------------------------
// Row r has the weight class_weights[labels[r]], and the mean divides by the sum of the weights. A
// row with the label `ignore_index` has weight 0. Label smoothing is spread over the classes by
// their weights, as in PyTorch. If the sum of the weights is 0, the loss and its gradient are 0.
struct CrossEntropyOptions {
  double label_smoothing = 0;  // in [0, 1)
  // (classes) on the logits' device, each finite and 0 or more; undefined: all 1. Another one is a
  // UserError on the CPU; elsewhere a row of a class with a weight below 0 has a loss of NaN.
  Tensor class_weights = {};
  std::optional<i64> ignore_index = {};  // need not be a class
  Reduction reduction = Reduction::mean;
};
struct CrossEntropy {
  Tensor loss;  // a scalar, or (rows) for Reduction::none
  // Both are for the backward pass. log_sums is (2, rows), the maxima and ln Σ e^(x − max). `share`
  // is the factor of a row of weight 1 in the mean, an f64 scalar; it is undefined for a sum, for
  // none, and if there are neither class weights nor ignore_index.
  Tensor log_sums, share;
};
// logits are (rows, classes) and labels int64 (rows) in [0, classes). On the CPU a label outside
// throws a UserError that names it; on a GPU the loss is NaN.
CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels,
                           const CrossEntropyOptions& options = {});
// dloss has the shape of the loss.
void cross_entropy_backward(Tensor& dlogits, const Tensor& dloss, const Tensor& logits,
                            const Tensor& log_sums, const Tensor& share, const Tensor& labels,
                            const CrossEntropyOptions& options);

// With a probability for each class as the target, (rows, classes) in the logits' dtype. The class
// weights multiply the terms of their classes, and the mean divides by the number of rows, as in
// PyTorch. The target is taken as it is: its values are not looked at, because they may be on a
// GPU. Its rows need not have the sum 1; a value below 0 makes a loss that may be negative and has
// no minimum, and one that is NaN or infinite makes it NaN or infinite. Throws UserError for
// ignore_index.
struct SoftCrossEntropy {
  Tensor loss;
  Tensor log_sums, row_weights;  // (2, rows) and (rows), for the backward pass
};
SoftCrossEntropy soft_cross_entropy(const Tensor& logits, const Tensor& target,
                                    const CrossEntropyOptions& options = {});
// A null gradient is not computed.
void soft_cross_entropy_backward(Tensor* dlogits, Tensor* dtarget, const Tensor& dloss,
                                 const Tensor& logits, const Tensor& target,
                                 const SoftCrossEntropy& saved, const CrossEntropyOptions& options);

// --- layer_norm (tensor/layer_norm.cpp), over the last axis --------------------------------------
struct LayerNorm {
  Tensor y;
  Tensor mean, rstd;  // (rows), for the backward pass; the mean is f64
};
// x is (…, columns) with columns ≥ 1. weight and bias are (columns), or both undefined. Throws
// UserError unless eps is 0 or a number above 0 that f32 holds. With 0, equal elements give NaN.
LayerNorm layer_norm(const Tensor& x, const Tensor& weight, const Tensor& bias, double eps);
// A null gradient is not computed.
void layer_norm_backward(Tensor* dx, Tensor* dweight, Tensor* dbias, const Tensor& dy,
                         const Tensor& x, const Tensor& weight, const Tensor& mean,
                         const Tensor& rstd);

// --- embedding (tensor/embedding.cpp) ------------------------------------------------------------
// The result has the rows of a table (rows, columns) that int64 indices of any shape choose: (…) →
// (…, columns). On the CPU an index outside throws a UserError that names it; on a GPU its row is
// NaN.
Tensor embedding(const Tensor& table, const Tensor& indices);
void embedding_backward(Tensor& dtable, const Tensor& dy, const Tensor& indices);

// --- dropout (tensor/dropout.cpp) ----------------------------------------------------------------
// y is x/(1 − p) where the mask of `random` keeps an element, else 0, for 0 ≤ p ≤ 1. y may be x.
// The first axis is the sample. See Note [Random ops] in tensor/random.h.
void dropout(Tensor& y, const Tensor& x, double p, const RandomOp& random);

// --- pointwise losses (tensor/pointwise_loss.cpp) ------------------------------------------------
// mean and sum reduce over all elements to a scalar; none gives one loss per element, in the shape
// of x.
// `Op` is a formula of kernels/pointwise_loss_ops.h. x and target have the same shape.
template <class Op>
Tensor pointwise_loss(const Tensor& x, const Tensor& target, double parameter, Reduction reduction);
// dx may be dloss under Reduction::none.
template <class Op>
void pointwise_loss_backward(Tensor& dx, const Tensor& dloss, const Tensor& x, const Tensor& target,
                             double parameter, Reduction reduction);

// --- counting (tensor/count_top_k.cpp) -----------------------------------------------------------
// Adds to `count` (an int64 scalar) the number of rows of scores (rows, classes) whose label is
// among the k largest. Labels must be in [0, classes), which is not checked.
void count_top_k(Tensor& count, const Tensor& scores, const Tensor& labels, i64 k);

// --- inputs (tensor/gather_rows.cpp, tensor/normalize.cpp) ---------------------------------------
// The result has the entries of the first axis of x, of any dtype, that int64 indices (n) choose:
// (rows, …) → (n, …). On the CPU an index outside throws a UserError; on a GPU all bytes of its
// entry are 0xff (NaN, −1).
Tensor gather_rows(const Tensor& x, const Tensor& index);
// Normalises x in uint8 or f32 to f32 by the formula of kernels/normalize.h. `terms` (f32) has one
// column per entry of the last axis of x: (2, channels) for uint8 and (4, channels) for f32
// (data::Normalization::terms()).
Tensor normalize(const Tensor& x, const Tensor& terms);

}  // namespace weft
