// SPDX-License-Identifier: Apache-2.0
// The trainer's side of Note [Captured steps].
#include <algorithm>
#include <cmath>

#include "weft/core/log.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

void Trainer::set_up_capture() {
  if constexpr (kHasCuda) {
    if (!std::holds_alternative<Cpu>(device_)) {
      captured_ = captured_steps(
          {.optimizer = optimizer(),
           .model = model_,
           .loss_sum = loss_sum_,
           .read_of = [this](const data::Batch& batch) { return input_->read_of(batch); },
           .loss =
               [this](const data::Batch& batch) {
                 const auto [x, target] = input_of(batch);
                 return loss_of(x, target);
               },
           .rates =
               [this](i64 applied_step) {
                 return optimizers_.front().rates(applied_step, lr_scale_);
               },
           .scaler = scaler_ ? &*scaler_ : nullptr,
           .clip_norm = options_.clip_norm,
           .clip_value = options_.clip_value,
           .seed = options_.seed});
      return;
    }
  }
  log_warning("capture: the model is on the {}, which has no graphs; steps run op by op",
              name_of(device_));
}

void Trainer::forget_graphs() {
  if (captured_) captured_->forget_graphs();
}

bool Trainer::anyone(bool (TrainerObserver::*needs)(const Trainer&) const) const {
  return std::any_of(observers_.begin(), observers_.end(),
                     [&](const TrainerObserver* observer) { return (observer->*needs)(*this); });
}

// Whether the step at hand is of a kind that comes again: whole, of full batches that all count.
bool Trainer::run_captured(const data::Loader& loader) {
  const bool full = std::all_of(window_.held.begin(), window_.held.end(), [&](const auto& part) {
    return part.batch.x.size(0) == loader.options().batch_size && part.weight > 0;
  });
  if (window_.batches != options_.accumulate || !full) return false;
  if (outcome_due_) settle();  // the device needs the count that follows from it
  collect(CapturedSteps::kInFlight - 1);
  for (const StepBatches::Part& part : window_.held) running_->count(part.weight);
  captured_->run({std::move(window_.held), steps_begun_});
  casts_.clear();
  optimizer().zero_grad();
  ++steps_begun_;
  window_ = {};
  if (!anyone(&TrainerObserver::needs_outcome)) return true;
  if (!std::exchange(waits_noted_, true))
    log_info(
        "capture: a callback wants to know at once what came of a step; the host waits for it");
  settle();
  return true;
}

void Trainer::collect(i64 allowed_in_flight) {
  while (captured_ && captured_->in_flight() > allowed_in_flight) {
    const auto [step, report] = captured_->next();
    if (report.halted) {  // so are those behind it
      captured_->drop();
      captured_->state_changed();
    }
    hear_of(step, report);
  }
}

// As finish_update() and train_one_epoch have it for a step op by op.
void Trainer::hear_of(const StepBatches& step, const kernels::StepReport& report) {
  if (!std::isfinite(report.loss_sum)) {
    const StepBatches::Part& last = step.parts.back();
    const i64 epoch = epochs_done_ + 1;
    notify(&TrainerObserver::on_non_finite,
           BatchInProgress{last.batch, epoch, last.number, step.step, last.first_sample});
    RunningLoss::fail(epoch, last.number, report.loss_sum);
  }
  optimizer().note_step(report.applied);
  optimizers_.front().set_rates(report.rates);
  if (scaler_) scaler_->update(!report.applied);
  note({report.applied, report.grad_norm});
}

}  // namespace weft::train
