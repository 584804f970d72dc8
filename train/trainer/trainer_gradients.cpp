// SPDX-License-Identifier: Apache-2.0
// The gradients of a batch, whole or in parts.
#include <algorithm>

#include "weft/core/log.h"
#include "weft/device/allocator.h"
#include "weft/device/out_of_memory.h"
#include "weft/nn/batch_norm.h"
#include "weft/tensor/random.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

std::string Trainer::first_batch_norm() {
  for (const nn::NamedModule& named : model_.named_modules())
    if (dynamic_cast<const nn::BatchNorm*>(named.module) != nullptr) return named.path;
  return {};
}

void Trainer::add_gradients(const BatchInProgress& batch) {
  const i64 samples = batch.batch.x.size(0), size = (samples + batch_parts_ - 1) / batch_parts_;
  if (size >= samples) return add_gradients_of_part(batch);
  for (i64 begin = 0; begin < samples; begin += size) {
    const i64 end = std::min(begin + size, samples);
    const data::Batch part{batch.batch.x.slice(begin, end), batch.batch.y.slice(begin, end)};
    add_gradients_of_part(
        {part, batch.epoch, batch.number, batch.step, batch.first_sample + begin});
  }
}

void Trainer::add_gradients_of_part(const BatchInProgress& part) {
  set_random_step(options_.seed, part.step, part.first_sample);
  const auto [x, target] = input_of(part.batch);
  const Variable loss = loss_of(x, target);
  const double weight = loss_->weight(part.batch.y);  // the host's copy: nobody waits
  running_->add(loss.value(), weight);
  if (!running_->finite()) {
    settle();
    notify(&TrainerObserver::on_non_finite, part);
    running_->fail(part.epoch, part.number);
  }
  if (weight <= 0) return;
  if (scaler_) settle();  // the scale follows from the last step
  if (window_.weight == 0) window_.first_weight = weight;
  loss.backward(Tensor::full(loss.shape(), loss_scale() * weight / window_.first_weight,
                             loss.dtype(), device_));
  window_.weight += weight;
}

// Note [Out of memory]
// With out_of_memory: split, a step in which memory runs out is begun again: gradients at zero, observed
// statistics forgotten, the running loss where it was, and random numbers are functions of step and sample
// anyway (Note [Random ops]). All batches of the step, which are held for this, then go through the model in
// twice as many parts, and so do later ones. By Note [Accumulation] the step stays the one it was, but for
// batch norm, which sees each part alone. Weights are written by the update alone, so there is nothing
// else to undo.
void Trainer::add_gradients_as_memory_allows(const BatchInProgress& batch,
                                             nn::StatisticsScope& statistics) {
  if (window_.batches == 0) window_.loss_before.emplace(running_->copy());
  window_.held.push_back({batch.batch, batch.number, batch.first_sample});
  for (bool again = false;; again = true) {
    std::string reason;
    try {
      return again ? add_gradients_of_held() : add_gradients(batch);
    } catch (const OutOfMemory& error) {
      reason = error.what();
    }
    i64 largest = 0;
    for (const StepBatches::Part& held : window_.held)
      largest = std::max(largest, held.batch.x.size(0));
    split_batches(reason, largest);
    zero_grad();
    casts_.clear();
    statistics.commit(true);
    running_->go_back_to(*window_.loss_before);
    window_.first_weight = window_.weight = 0;
    release_cached(device_);
  }
}

void Trainer::add_gradients_of_held() {
  for (const StepBatches::Part& held : window_.held)
    add_gradients({held.batch, epochs_done_ + 1, held.number, steps_begun_, held.first_sample});
}

// `samples`: of the largest batch.
void Trainer::split_batches(const std::string& reason, i64 samples) {
  if (batch_parts_ >= samples)
    throw OutOfMemory(fmt::format(
        "train: memory does not suffice for one sample at a time ({}); a smaller model is required",
        reason));
  batch_parts_ *= 2;
  const std::string batch_norm = first_batch_norm();
  log_warning(
      "out of memory in step {}: batches go through the model in {} parts from here on{} ({})",
      steps_begun_ + 1, batch_parts_,
      batch_norm.empty() ? ""
                         : fmt::format("; batch norm ({}) sees each part alone, and the step is "
                                       "not that of the whole batch",
                                       batch_norm),
      reason);
}

}  // namespace weft::train
