// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/step_metrics.h"

#include <utility>

namespace weft::train {

StepMetrics::StepMetrics(std::vector<std::string> names, RankExchange* ranks)
    : metrics_(std::move(names)), ranks_(ranks) {
  if (ranks_ != nullptr) metrics_.check_merge();
}

void StepMetrics::begin_step() {
  notes_ = false;
  outputs_.clear();
}

void StepMetrics::begin_batch() {
  notes_ = !metrics_.names().empty();
  if (notes_) outputs_.emplace_back();
}

void StepMetrics::note(const Variable& outputs, const Tensor& target) {
  if (notes_ && !outputs_.empty()) outputs_.back() = {outputs.value(), target};
}

void StepMetrics::refuse() {
  fail(
      "train.metrics: the trainer computes its loss without giving the outputs of the model to "
      "Trainer::measure(); a trainer that gives them, or no train.metrics, is required");
}

void StepMetrics::end_batch(const data::Batch& batch) {
  if (!noted()) refuse();
  if (!std::exchange(notes_, false)) return;
  if (batch.share.is_padding) outputs_.back() = {};
}

void StepMetrics::measure(const Loss& loss, const std::function<Tensor(i64)>& labels_of) {
  const std::vector<StepOutputs> outputs = take_outputs();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].outputs.defined())
      metrics_.update(loss, outputs[i].outputs, outputs[i].target, labels_of(static_cast<i64>(i)));
}

void StepMetrics::read(std::map<std::string, double>& values,
                       std::map<std::string, Tensor>& tables) {
  merge();
  values = metrics_.values();
  tables = metrics_.tables();
  leave_to_first();
}

void StepMetrics::state(State& s, bool warns) {
  if (!s.has("metrics")) return;  // a record of an older weft
  if (s.saving()) merge();
  metrics_.state(s, warns);
  if (s.saving() || s.loading()) leave_to_first();
}

void StepMetrics::merge() {
  if (ranks_ != nullptr && !metrics_.names().empty())
    metrics_.merge([this](const Tensor& values) { ranks_->add_up(values); });
}

// After a merge all ranks have measured the same, which must count once. A metric that was merged
// may go on only after it was reset or loaded.
void StepMetrics::leave_to_first() {
  if (ranks_ == nullptr || metrics_.names().empty()) return;
  const auto state = [this](State& s) { metrics_.state(s); };
  const StateRecord all = save_state(state);
  metrics_.reset();
  if (ranks_->is_first()) load_state(state, all, "train.metrics");
}

}  // namespace weft::train
