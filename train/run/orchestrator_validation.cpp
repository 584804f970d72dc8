// SPDX-License-Identifier: Apache-2.0
// Validations and the test of a run: when they are due, on which samples, and what is wrong.
#include <cmath>
#include <utility>

#include "weft/train/run/orchestrator.h"

namespace weft::train {

std::optional<Evaluation> Orchestrator::evaluate(const std::string& split,
                                                 const std::shared_ptr<const data::Dataset>& data,
                                                 const std::vector<i64>& only,
                                                 const std::stop_token& stop) {
  if (!ranks().alone() && stop.stop_requested()) return std::nullopt;
  bool by_batches = false;
  for (const auto& callback : hooks_.callbacks())
    by_batches = by_batches || callback->needs_validation_batches();
  evaluator_->on_batch(!by_batches ? std::function<void(const EvaluatedBatch&)>()
                                   : [this](const EvaluatedBatch& batch) {
                                       for (const auto& callback : hooks_.callbacks())
                                         callback->on_validation_batch(*this, batch);
                                     });
  std::string weights = "model";
  for (const auto& callback : hooks_.callbacks())
    if (const std::string its = callback->evaluated_weights(); !its.empty()) weights = its;
  std::size_t begun = 0;  // callbacks
  const auto abandon = [&] {
    for (std::size_t i = 0; i < begun; ++i) hooks_.callbacks()[i]->on_validation_abandoned(*this);
  };
  std::optional<Evaluation> result;
  try {
    for (; begun < hooks_.callbacks().size(); ++begun)
      hooks_.callbacks()[begun]->on_validation_begin(*this);
    copy_buffers();  // those that are evaluated: a callback may have put averages in their place
    data::Loader loader = loader_for(data, false, only);
    result = evaluator_->evaluate(loader, stop);
  } catch (...) {
    abandon();
    throw;
  }
  if (!result) {
    abandon();
    return result;
  }
  result->split = split;
  result->weights = weights;
  for (const auto& callback : hooks_.callbacks()) callback->on_validation_end(*this, *result);
  return result;
}

Evaluation Orchestrator::validate() { return *validate({}, true); }

std::optional<Evaluation> Orchestrator::validate(const std::stop_token& stop, bool all) {
  WEFT_CHECK(data().validation != nullptr,
             "validate: no samples were held out; set data.validation_split above 0");
  return evaluate("validation",
                  input_.placed.validation ? input_.placed.validation : data().validation,
                  all ? std::vector<i64>() : data().validation_subset, stop);
}

Evaluation Orchestrator::test() { return *test({}); }

std::optional<Evaluation> Orchestrator::test(const std::stop_token& stop) {
  WEFT_CHECK(data().test != nullptr, "test: {} has no test split", data().train->info().name);
  return evaluate("test", data().test, {}, stop);
}

// Called after each step. True at most once for each number of applied steps.
bool Orchestrator::validation_due() {
  if (data().validation == nullptr || !validation_->by_steps()) return false;
  const i64 known = trainer_->optimizer().applied_steps();
  trainer_->applied_at_least(validation_->next_step(known));  // waits only if that may be reached
  const i64 applied = trainer_->optimizer().applied_steps();
  return applied > 0 && applied != progress_.validated_at && validation_->due_after_step(applied);
}

// Validates at most once per step: the last validation of an epoch may already have been made. It
// is made again if it looked at some samples (validation.subset) and all are wanted. Returns false
// when a stop was requested before its end.
bool Orchestrator::validate_now(bool all) {
  const i64 step = trainer_->optimizer().applied_steps();
  if (progress_.validated_at == step && (!all || validated_all())) return true;
  std::optional<Evaluation> result = validate(control_.stop, all);
  if (!result) return false;
  meet_ranks();
  progress_.validation = std::move(result);
  progress_.validated_at = step;
  for (const auto& [name, value] : progress_.validation->metrics)
    trainer_->observe("validation/" + name, value);
  if (validation_->by_steps())
    output_.log.add_validation(trainer_->progress().epochs_done, step, *progress_.validation,
                               validated_all() ? 0 : progress_.validation->samples);
  warn_if_diverged("validation/loss", progress_.validation->loss);
  return true;
}

// Whether the last validation looked at all held-out samples.
bool Orchestrator::validated_all() const {
  return progress_.validated_at >= 0 && progress_.validation->samples == data().validation->size();
}

// Called when the run ends. The last validation of a run looks at all samples. There was none if
// the end of the last epoch was repaired. Returns false when a stop was requested before its end.
bool Orchestrator::validate_at_end() {
  if (data().validation == nullptr || validated_all()) return true;
  const bool was_repaired = progress_.validated_at < 0;
  if (!validate_now(true)) return false;
  if (!was_repaired && !validation_->by_steps())
    output_.log.add_validation(trainer_->progress().epochs_done, progress_.validated_at,
                               *progress_.validation, 0);
  return true;
}

// Throws TrainingError if a validation at this step gave a loss that is not finite.
void Orchestrator::check_validation() const {
  if (progress_.validated_at != trainer_->optimizer().applied_steps()) return;
  const Evaluation& validation = *progress_.validation;
  if (std::isfinite(validation.loss)) return;
  if (validation.weight == 0)
    throw TrainingError(
        fmt::format("validation: no sample of {} has a weight above 0 (loss.class_weights, "
                    "loss.ignore_index); at least one is required",
                    validation.samples));
  throw TrainingError(
      fmt::format("the validation loss is {} after step {}; {}try a lower learning rate, or "
                  "train.clip_norm",
                  validation.loss, progress_.validated_at,
                  std::isinf(validation.loss) ? "unless a target is too large for it, " : ""));
}

// The metrics of a validation at the current step; empty if there was none.
std::map<std::string, double> Orchestrator::newest_validation() {
  trainer_->synchronize();
  std::map<std::string, double> metrics;
  if (progress_.validated_at != trainer_->optimizer().applied_steps()) return metrics;
  for (const auto& [name, value] : progress_.validation->metrics)
    metrics["validation/" + name] = value;
  return metrics;
}

}  // namespace weft::train
