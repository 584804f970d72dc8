// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/gradient_accumulator.h"

#include <algorithm>
#include <cmath>

namespace weft::train {
namespace {

// A non-owning view. Without a schedule, the optimizer uses its own learning rate.
ScheduledOptimizer borrowed(optim::Optimizer& optimizer) {
  return {.name = "optimizer",
          .optimizer = std::shared_ptr<optim::Optimizer>(std::shared_ptr<void>(), &optimizer),
          .recipe = {}};
}

i64 checked(const GradientAccumulatorOptions& options) {
  WEFT_CHECK(options.micro_batches >= 1,
             "GradientAccumulator: micro_batches is {}; at least 1 is required",
             options.micro_batches);
  WEFT_CHECK(
      options.clip_norm >= 0 && options.clip_value >= 0 &&
          (options.clip_norm == 0 || options.clip_value == 0),
      "GradientAccumulator: clip_norm is {} and clip_value {}; 0 (off) or more is required, and "
      "only one of them",
      options.clip_norm, options.clip_value);
  if (options.loss_scaling) {
    optim::LossScalerOptions scaling = *options.loss_scaling;
    validate("GradientAccumulator: loss_scaling", section_ref(scaling));
  }
  return options.micro_batches;
}

}  // namespace

GradientAccumulator::GradientAccumulator(optim::Optimizer& optimizer,
                                         const GradientAccumulatorOptions& options)
    : micro_batches_(checked(options)),
      optimizers_(borrowed(optimizer), options.loss_scaling),
      scalars_(optimizers_, options.clip_norm, options.clip_value),
      host_weights_(static_cast<std::size_t>(micro_batches_), 0.0),
      weights_(Tensor::zeros({micro_batches_}, DType::f64, optimizers_.device())),
      report_(make_readback(optimizers_.device(), sizeof(kernels::StepReport))) {
  optimizers_.zero_grad();
}

void GradientAccumulator::send_weights() {
  if (is_cpu(weights_.device()))
    std::copy(host_weights_.begin(), host_weights_.end(), weights_.values<double>().begin());
  else weights_.copy_from(Tensor::view_of(std::span(host_weights_), weights_.shape(), nullptr));
}

bool GradientAccumulator::backward(const Variable& loss, double weight) {
  WEFT_CHECK(std::isfinite(weight) && weight >= 0,
             "GradientAccumulator: a weight of {} given; 0 or more is required", weight);
  WEFT_CHECK(loss.defined() && loss.shape().elements() == 1,
             "GradientAccumulator: the loss {}; one number is required",
             loss.defined() ? fmt::format("is {}", loss.shape()) : "is undefined");
  if (done_ == 0) scalars_.prepare(0);
  host_weights_[static_cast<std::size_t>(done_)] = weight;
  send_weights();
  scalars_.add_loss(loss, weights_, done_);
  if (weight > 0) scalars_.backward(loss, weights_, done_);
  return ++done_ == micro_batches_ ? step() : false;
}

bool GradientAccumulator::step() {
  if (done_ == 0) return false;
  const bool counts = std::any_of(host_weights_.begin(), host_weights_.end(),
                                  [](double weight) { return weight > 0; });
  scalars_.update(weights_, counts);
  optimizers_.zero_grad();
  done_ = 0;
  std::fill(host_weights_.begin(), host_weights_.end(), 0.0);
  report_->start(scalars_.reports());
  const auto& report = *static_cast<const kernels::StepReport*>(report_->wait());
  outcome_ = {report.applied, report.grad_norm};
  if (report.halted) scalars_.reset();
  if (report.bad_batch >= 0)
    throw TrainingError(fmt::format(
        "GradientAccumulator: the loss of micro-batch {} of this step is {}; the step is "
        "not applied; try a lower learning rate, or clip_norm",
        report.bad_batch + 1, report.bad_loss));
  optimizers_.record(std::span(&report, 1));
  return true;
}

}  // namespace weft::train
