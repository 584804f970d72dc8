// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/cross_entropy.h"
#include "weft/kernels/cross_entropy_soft.h"
#include "weft/kernels/reduce.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"
#include "weft/tensor/views.h"

namespace weft {
namespace {

// `sum` is the sum of the class weights in f64; it may be undefined.
template <class T>
kernels::LabelTerms<T> terms_of(const CrossEntropyOptions& options, const Tensor& sum) {
  const Tensor& weights = options.class_weights;
  return {.smoothing = options.label_smoothing,
          .class_weights = data_or_null<T>(weights),
          .class_weight_sum = data_or_null<double>(sum),
          .ignores = options.ignore_index.has_value(),
          .ignore_index = options.ignore_index.value_or(0)};
}
// (2, rows)
template <class T>
kernels::RowLogSums<T> parts_of(const Tensor& log_sums) {
  return {log_sums.data<T>(), log_sums.data<T>() + log_sums.size(1)};
}
Tensor weight_sum(const CrossEntropyOptions& options) {
  const bool needed = options.class_weights.defined() && options.label_smoothing > 0;
  return needed ? sum(options.class_weights.to(DType::f64)) : Tensor();
}

// Reads the weights on the CPU only; elsewhere the NaN loss of a row tells.
void check_class_weights(const Tensor& weights) {
  if (!is_cpu(weights.device())) return;
  visit_compute("cross_entropy", weights.dtype(), [&]<class T>() {
    const auto values = weights.values<T>();
    for (std::size_t i = 0; i < values.size(); ++i)
      WEFT_CHECK(
          std::isfinite(values[i]) && values[i] >= 0,
          "cross_entropy: the class weight {} is {}; a finite number of at least 0 is required", i,
          values[i]);
  });
}

// Checks the logits and the options that labels and probabilities share.
void check_cross_entropy(const Tensor& logits, const CrossEntropyOptions& options) {
  WEFT_CHECK(
      logits.size(1) > 0 && (logits.size(0) > 0 || options.reduction != Reduction::mean),
      "cross_entropy: logits are {}; at least one class, and one row for a mean, is required",
      logits.shape());
  WEFT_CHECK(options.label_smoothing >= 0 && options.label_smoothing < 1,
             "cross_entropy: label_smoothing is {}; it must be in [0, 1)", options.label_smoothing);
  const i64 cols = logits.size(1);
  const Tensor& weights = options.class_weights;
  if (!weights.defined()) return;
  WEFT_CHECK(weights.shape() == Shape{cols} && weights.dtype() == logits.dtype(),
             "cross_entropy: class weights {} {} for {} classes of {}; one {} weight per class is "
             "required",
             weights.dtype(), weights.shape(), cols, logits.dtype(), logits.dtype());
  check_same_device("cross_entropy", logits, weights);
  check_class_weights(weights);
}

// The factor of one row in the loss.
double share_of_row(const Tensor& logits, Reduction reduction) {
  return reduction == Reduction::mean ? 1.0 / static_cast<double>(logits.size(0)) : 1.0;
}
// The sum of x, times `scale`, in another dtype.
Tensor sum_as(DType dtype, const Tensor& x, double scale) {
  Tensor y = Tensor::empty({}, dtype, x.device());
  visit_compute("cross_entropy", x.dtype(), [&]<class From>() {
    visit_compute("cross_entropy", dtype, [&]<class To>() {
      std::visit(
          [&](auto device) {
            kernels::reduce_sum<To, From>(device, y.data<To>(), x.data<From>(), scale,
                                          {1, x.elements(), 1});
          },
          x.device());
    });
  });
  return y;
}
// The loss of all rows, whose losses are f64. A mean divides by the number of rows.
Tensor reduced(const Tensor& logits, const Tensor& losses, Reduction reduction) {
  if (reduction == Reduction::none) return losses.to(logits.dtype());
  return sum_as(logits.dtype(), losses, share_of_row(logits, reduction));
}
// `share` may be undefined.
template <class T>
kernels::RowLossGradient<T> row_gradient(const Tensor& dloss, Reduction reduction,
                                         const Tensor& share = {}) {
  return {dloss.data<T>(), reduction == Reduction::none, data_or_null<double>(share)};
}

template <class T>
kernels::SoftTerms<T> soft_terms(const CrossEntropyOptions& options) {
  return {options.label_smoothing, data_or_null<T>(options.class_weights)};
}

}  // namespace

CrossEntropy cross_entropy(const Tensor& logits, const Tensor& labels,
                           const CrossEntropyOptions& options) {
  WEFT_CHECK(
      logits.rank() == 2 && labels.shape() == Shape{logits.size(0)} &&
          labels.dtype() == DType::int64,
      "cross_entropy: logits are {} and labels {} {}; logits (rows, classes) and int64 labels (rows) are "
      "required",
      logits.shape(), labels.dtype(), labels.shape());
  check_same_device("cross_entropy", logits, labels);
  check_cross_entropy(logits, options);
  const i64 cols = logits.size(1);
  const bool counts = options.reduction == Reduction::mean &&
                      (options.class_weights.defined() || options.ignore_index.has_value());
  const Tensor losses = Tensor::empty({logits.size(0)}, DType::f64, logits.device());
  const Tensor row_weights =
      counts ? Tensor::empty({logits.size(0)}, logits.dtype(), logits.device()) : Tensor();
  CrossEntropy result{Tensor(), Tensor::empty({2, logits.size(0)}, logits.dtype(), logits.device()),
                      Tensor()};
  const Tensor bad_row = Tensor::empty({}, DType::int64, logits.device());
  const Tensor all = weight_sum(options);
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    const kernels::CrossEntropyRows<T> out{.loss = losses.data<double>(),
                                           .row_weight = data_or_null<T>(row_weights),
                                           .saved = parts_of<T>(result.log_sums),
                                           .bad_row = bad_row.data<i64>()};
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_forward<T>(device, out, rows<T>(logits), labels.data<i64>(),
                                            terms_of<T>(options, all));
        },
        logits.device());
  });
  // On the CPU the check costs no wait. On a GPU it would, so a bad label gives a loss of NaN.
  if (is_cpu(logits.device())) {
    const i64 bad = bad_row.values<i64>()[0];
    WEFT_CHECK(bad < 0, "cross_entropy: label {} in row {}; labels must be in 0..{}",
               labels.values<i64>()[static_cast<std::size_t>(bad)], bad, cols - 1);
  }
  if (!counts) {
    result.loss = reduced(logits, losses, options.reduction);
    return result;
  }
  const Tensor total = sum(losses), weight = sum_as(DType::f64, row_weights, 1.0);
  result.loss = Tensor::empty({}, logits.dtype(), logits.device());
  result.share = Tensor::empty_like(total);
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    const kernels::CrossEntropyMean<T> mean{.loss = result.loss.data<T>(),
                                            .share = result.share.data<double>(),
                                            .sum = total.data<double>(),
                                            .weight = weight.data<double>()};
    std::visit([&](auto device) { kernels::cross_entropy_mean(device, mean); }, logits.device());
  });
  return result;
}

void cross_entropy_backward(Tensor& dlogits, const Tensor& dloss, const Tensor& logits,
                            const Tensor& log_sums, const Tensor& share, const Tensor& labels,
                            const CrossEntropyOptions& options) {
  check_output("cross_entropy", dlogits, logits.shape(), logits);
  const Tensor all = weight_sum(options);
  const double scale = share.defined() ? 1.0 : share_of_row(logits, options.reduction);
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_backward<T>(
              device, rows<T>(dlogits), rows<T>(logits), parts_of<T>(log_sums), labels.data<i64>(),
              row_gradient<T>(dloss, options.reduction, share), scale, terms_of<T>(options, all));
        },
        logits.device());
  });
}

SoftCrossEntropy soft_cross_entropy(const Tensor& logits, const Tensor& target,
                                    const CrossEntropyOptions& options) {
  WEFT_CHECK(
      logits.rank() == 2 && target.shape() == logits.shape() && target.dtype() == logits.dtype(),
      "cross_entropy: logits are {} {} and the target {} {}; int64 labels (rows), or "
      "probabilities in the shape and type of logits (rows, classes), are required",
      logits.dtype(), logits.shape(), target.dtype(), target.shape());
  WEFT_CHECK(!options.ignore_index,
             "cross_entropy: ignore_index {} given with probabilities as the target; int64 labels "
             "are required to ignore one",
             *options.ignore_index);
  check_same_device("cross_entropy", logits, target);
  check_cross_entropy(logits, options);
  const i64 count = logits.size(0);
  const Tensor losses = Tensor::empty({count}, DType::f64, logits.device());
  SoftCrossEntropy result{Tensor(), Tensor::empty({2, count}, logits.dtype(), logits.device()),
                          Tensor::empty({count}, logits.dtype(), logits.device())};
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    const kernels::SoftCrossEntropyRows<T> out{.loss = losses.data<double>(),
                                               .row_weight = result.row_weights.data<T>(),
                                               .saved = parts_of<T>(result.log_sums)};
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_soft_forward<T>(device, out, rows<T>(logits), rows<T>(target),
                                                 soft_terms<T>(options));
        },
        logits.device());
  });
  result.loss = reduced(logits, losses, options.reduction);
  return result;
}

void soft_cross_entropy_backward(Tensor* dlogits, Tensor* dtarget, const Tensor& dloss,
                                 const Tensor& logits, const Tensor& target,
                                 const SoftCrossEntropy& saved,
                                 const CrossEntropyOptions& options) {
  visit_compute("cross_entropy", logits.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::cross_entropy_soft_backward<T>(
              device, {data_or_null<T>(dlogits), data_or_null<T>(dtarget)}, rows<T>(logits),
              rows<T>(target), {parts_of<T>(saved.log_sums), saved.row_weights.data<T>()},
              row_gradient<T>(dloss, options.reduction), share_of_row(logits, options.reduction),
              soft_terms<T>(options));
        },
        logits.device());
  });
}

}  // namespace weft
