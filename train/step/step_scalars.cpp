// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/step_scalars.h"

#include "weft/tensor/ops.h"

namespace weft::train {

StepScalars::StepScalars(Optimizers& optimizers, double clip_norm, double clip_value,
                         RankExchange* ranks)
    : optimizers_(optimizers),
      ranks_(ranks),
      limits_{.clip_norm = clip_norm,
              .clip_value = clip_value,
              .skip_non_finite = optimizers.loss_scaler() != nullptr},
      device_(with_stream(optimizers.device())),
      state_(device_),
      loss_sum_(Tensor::zeros({2}, DType::f64, device_)) {
  allocate();
}

// Optimizers may be added after the constructor has run.
void StepScalars::allocate() {
  while (rates_.size() < optimizers_.all().size()) {
    rates_.push_back({DeviceValue<kernels::RateTable>(device_)});
    rates_version_ = 0;
  }
  const i64 bytes = report_count() * static_cast<i64>(sizeof(kernels::StepReport));
  if (!reports_.defined() || reports_.elements() != bytes)
    reports_ = Tensor::empty({bytes}, DType::uint8, device_);
}

void StepScalars::prepare(i64 in_flight) {
  allocate();
  if (needs_drain()) {
    WEFT_ASSERT(in_flight == 0,
                "training step: {} in flight; none is required when the state changes", in_flight);
    kernels::StepState state;
    if (const optim::LossScaler* scaler = optimizers_.loss_scaler())
      state.loss_scale = scaler->loss_scale();
    state_.send(state);
    for (const ScheduledOptimizer& each : optimizers_.all())
      each.optimizer->device_step().send_control();
    state_version_ = optimizers_.state_version();
  }
  send_rates(in_flight);
}

// The host knows the count of applied steps except for the steps in flight. A learning rate that is
// refused is an error only when its step begins, because training may end before it.
void StepScalars::send_rates(i64 in_flight) {
  for (std::size_t i = 0; i < rates_.size(); ++i) {
    const i64 known = optimizers_.all()[i].optimizer->applied_steps();
    kernels::RateTable& table = rates_[i].table;
    if (rates_version_ == optimizers_.rates_version() && known >= table.first &&
        known + in_flight < table.first + rates_[i].count)
      continue;
    table.first = known;
    i64& count = rates_[i].count;
    for (count = 0; count < kernels::RateTable::kSteps; ++count) {
      try {
        table.at[count] = optimizers_.rates(i, known + count);
      } catch (const UserError&) {
        if (count <= in_flight) throw;
        break;
      }
    }
    rates_[i].on_device.send(table);
  }
  rates_version_ = optimizers_.rates_version();
}

kernels::LossWeights StepScalars::view(const Tensor& weights) const {
  if (ranks_ == nullptr) return {weights.data<double>(), weights.elements()};
  return {.data = weights.data<double>(),
          .count = weights.elements(),
          .common = ranks_->common_weight(),
          .total = ranks_->total_weight()};
}

void StepScalars::add_loss(const Variable& loss, const Tensor& weights, i64 micro_batch) {
  const Tensor& sum = ranks_ == nullptr ? loss_sum_ : ranks_->loss_of_step();
  visit_compute("training step", loss.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::add_loss<T>(device, sum.data<double>(), state_.get(), loss.value().data<T>(),
                               view(weights), micro_batch);
        },
        device_);
  });
}

void StepScalars::backward(const Variable& loss, const Tensor& weights, i64 micro_batch) {
  const Tensor seed = Tensor::empty(loss.shape(), loss.dtype(), device_);
  visit_compute("training step", loss.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::seed_gradient<T>(device, seed.data<T>(), state_.get(), view(weights),
                                    micro_batch);
        },
        device_);
  });
  loss.backward(seed);
}

void StepScalars::update(const Tensor& weights, bool counts) {
  const optim::LossScaler* const scaler = optimizers_.loss_scaler();
  kernels::UpdateEnd end{.counts = counts,
                         .is_last = false,
                         .scales = scaler != nullptr,
                         .rule = scaler != nullptr ? scaler->rule() : kernels::LossScaleRule{}};
  auto* report = reports_.data<kernels::StepReport>();
  for (std::size_t i = 0; i < rates_.size(); ++i, ++report) {
    optim::DeviceStep& step = optimizers_.all()[i].optimizer->device_step();
    end.is_last = i + 1 == rates_.size();
    std::visit(
        [&](auto device) {
          if (counts) {
            step.prepare();
            if (ranks_ != nullptr) ranks_->mark_active(i);
            kernels::begin_update(device, step.control(), state_.get(), rates_[i].on_device.get(),
                                  view(weights));
            step.enqueue(limits_);
            if (ranks_ != nullptr) ranks_->gather_parameters(i);
          }
          kernels::end_update(device, report, state_.get(), step.control(),
                              loss_sum_.data<double>(), end);
        },
        device_);
  }
}

bool StepScalars::is_halted_here() const { return is_cpu(device_) && state_.get()->halted; }

}  // namespace weft::train
