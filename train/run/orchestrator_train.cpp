// SPDX-License-Identifier: Apache-2.0
// The epoch loop of a run. There is no other.
#include <limits>

#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/environment.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
double Orchestrator::seconds() const {
  return progress_.seconds_before + seconds_since(progress_.started);
}

void Orchestrator::open_folder() {
  const bool continues = !resume_.folder.empty();
  output_.folder = continues ? RunFolder::reuse(resume_.folder)
                             : RunFolder::create(config_.run.dir, origin_.name);
  const std::filesystem::path checkpoints = output_.folder->file("checkpoints");
  WEFT_CHECK(!continues || checkpoints_in(checkpoints) == resume_.seen,
             "resume: another process has continued {}; start again to continue after it",
             output_.folder->path().string());
  output_.folder->write("config.yaml", config::to_yaml(config_));
  std::string lines;
  for (const std::string& line : origin_.overrides) lines += line + "\n";
  output_.folder->write("overrides.txt", lines);
  output_.folder->write("environment.json", environment_json());
  output_.log.emplace(*output_.folder);
  if (!resume_.from) output_.log->restore({{"metrics.jsonl", 0}, {"metrics.csv", 0}});
  output_.checkpoints.emplace(checkpoints, config_.checkpoint, resume_.name);
}

void Orchestrator::begin_hooks() {
  for (const auto& callback : hooks_.callbacks()) callback->on_train_begin(*this);
  for (const auto& strategy : hooks_.strategies()) strategy->on_train_begin(*trainer_);
}

void Orchestrator::begin() {
  open_folder();
  trainer_->set_stop_token(control_.ending.get_token());
  if (resume_.from) restore_hooks();
  begin_hooks();
  if (resume_.from) restore_training();
}

RunReport Orchestrator::train(std::stop_token stop) {
  progress_.started = Clock::now();
  control_.stop = std::move(stop);
  control_.ending = std::stop_source();
  const std::stop_callback forward(control_.stop, [this] { control_.ending.request_stop(); });
  if (input_.placed.train == nullptr) {
    input_.placed = place_data(data(), config_.data.common, trainer_->optimizers().device());
    input_.loader = loader_for(input_.placed.train, true);
  }
  begin();
  std::string failed;
  bool complete = false;
  try {
    complete = train_epochs();
  } catch (const TrainingError& error) {
    failed = error.what();
    last_checkpoint();  // waits for a save in progress
  }
  const std::optional<Evaluation>& validation = progress_.validation;
  RunReport report{.epochs = trainer_->progress().epochs_done,
                   .steps = trainer_->optimizer().applied_steps(),
                   .ended_early = progress_.end_reason,
                   .failed = failed,
                   .validation = validation,
                   .validation_loss = !failed.empty() ? std::numeric_limits<double>::infinity()
                                      : validation    ? validation->loss
                                                      : std::numeric_limits<double>::quiet_NaN(),
                   .folder = folder()->path().string()};
  if (!report.ended_early.empty())  // a part of an epoch counts as one
    log_info("run ended early in epoch {}: {}",
             report.epochs + (trainer_->progress().epoch.batches > 0 ? 1 : 0), report.ended_early);
  if (data().test != nullptr && complete) {
    report.test = test(control_.stop);
    complete = report.test.has_value();
    if (complete) output_.log->add_test(report.steps, *report.test);
  }
  report.stopped = !complete && control_.stop.stop_requested();
  report.seconds = seconds();
  for (const auto& callback : hooks_.callbacks()) callback->on_train_end(report);
  output_.folder->unlock();
  return report;
}

// Returns whether training came to its end, not to a stop. Trains nothing in a run that was resumed
// at its end.
bool Orchestrator::train_epochs() {
  bool over = resume_.from && !resume_.from->about().ended.empty();
  resume_ = {};
  const i64 limit = config_.train.max_steps;
  while (!over && (progress_.trained || trainer_->progress().epochs_done < config_.train.epochs)) {
    if (control_.stop.stop_requested()) break;
    // An epoch that was begun is always ended, so that a resumed run has the same log as an
    // uninterrupted one.
    over = limit > 0 && trainer_->applied_at_least(limit) && !progress_.epoch_begun;
    if (!over && (progress_.trained || train_epoch())) over = end_epoch();
  }
  if (output_.saved_place != place()) save(newest_validation());
  output_.checkpoints->finish();
  return over || (!progress_.trained && trainer_->progress().epochs_done >= config_.train.epochs);
}

// Trains the steps of an epoch, for end_epoch(). Returns false when the run was stopped from
// outside, after a checkpoint. Also returns false when training failed and a callback repaired the
// run; the epoch then starts again.
bool Orchestrator::train_epoch() {
  const TrainingProgress& progress = trainer_->progress();
  input_.loader->set_position({progress.epochs_done, progress.batches_to_skip()});
  try {
    progress_.epoch_begun = true;
    trainer_->begin_epoch(*input_.loader);
    // A stop may have left out the validation of the step that a resumed run begins at.
    bool goes_on = !validation_due() || validate_and_save_if_due();
    while (goes_on && trainer_->train_step()) goes_on = validate_and_save_if_due();
    if (!goes_on) return false;
    const EpochResult result = trainer_->end_epoch();
    if (!result.complete && control_.stop.stop_requested()) return false;
    progress_.samples_seen += result.samples;
    progress_.trained = result;
    return true;
  } catch (const TrainingError& error) {
    progress_.epoch_begun = false;
    for (const auto& callback : hooks_.callbacks())
      if (callback->on_failure(*this, error)) return false;
    throw;
  }
}

// Called after each step. Returns false when a stop was requested, after a checkpoint.
bool Orchestrator::validate_and_save_if_due() {
  if (validation_due()) validate_now();
  if (save_due()) save(newest_validation());
  return !control_.stop.stop_requested();
}

// Called after each step. True at most once for each number of applied steps.
bool Orchestrator::validation_due() {
  if (data().validation == nullptr || !validation_->by_steps()) return false;
  const i64 known = trainer_->optimizer().applied_steps();
  trainer_->applied_at_least(validation_->next_step(known));  // waits only if that may be reached
  const i64 applied = trainer_->optimizer().applied_steps();
  return applied > 0 && applied != progress_.validated_at && validation_->due_after_step(applied);
}

// Called after each step. The checkpoint at the end of an epoch is saved by end_epoch().
bool Orchestrator::save_due() {
  output_.checkpoints->poll();
  const TrainingProgress& progress = trainer_->progress();
  const bool requested = control_.checkpoint_requested.exchange(false);
  if (requested)
    log_info("checkpoint: requested at step {}", trainer_->optimizer().applied_steps());
  if (requested || control_.stop.stop_requested()) return true;
  const i64 limit = config_.train.max_steps;
  return saves_->due_after_step(progress.steps_begun) && progress_.end_reason.empty() &&
         progress.epoch.batches < input_.loader->batches_per_epoch() &&
         !(limit > 0 && trainer_->applied_at_least(limit));
}

// Returns whether it was the last epoch. When a stop is requested in the validation, the epoch is
// not ended: a checkpoint has what is left to do.
bool Orchestrator::end_epoch() {
  const EpochResult result = *progress_.trained;
  const i64 limit = config_.train.max_steps;
  const bool last = result.epoch == config_.train.epochs || !result.complete ||
                    !progress_.end_reason.empty() ||
                    (limit > 0 && trainer_->applied_at_least(limit));
  const bool saves = last || saves_->due_after_epoch(result.epoch) ||
                     saves_->due_after_step(trainer_->progress().steps_begun);
  // A checkpoint needs a score, also if validation goes by steps.
  const bool due =
      last || (validation_->by_steps() ? saves : validation_->due_after_epoch(result.epoch));
  const std::optional<EpochReport> report =
      report_epoch(result, data().validation != nullptr && due);
  if (!report) {
    save(newest_validation());
    return false;
  }
  for (const auto& callback : hooks_.callbacks()) callback->on_epoch_end(*report);
  progress_.epoch_begun = false;
  progress_.trained.reset();
  const std::string& reason = progress_.end_reason;
  const std::string ended = !reason.empty() || result.complete ? reason : "train.max_steps";
  if (saves || !ended.empty() || control_.stop.stop_requested()) save(report->metrics, ended);
  return !result.complete || !reason.empty();
}

// Validates at most once per step: the last validation of an epoch may already have been made.
// Returns false when a stop was requested before its end.
bool Orchestrator::validate_now() {
  const i64 step = trainer_->optimizer().applied_steps();
  if (progress_.validated_at == step) return true;
  std::optional<Evaluation> result = validate(control_.stop);
  if (!result) return false;
  progress_.validation = std::move(result);
  progress_.validated_at = step;
  for (const auto& [name, value] : progress_.validation->metrics)
    trainer_->observe("validation/" + name, value);
  if (validation_->by_steps() && output_.log)
    output_.log->add_validation(trainer_->progress().epochs_done, step, *progress_.validation);
  return true;
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

// Returns nothing when a stop was requested in the validation.
std::optional<EpochReport> Orchestrator::report_epoch(const EpochResult& result,
                                                      bool validate_here) {
  EpochReport report{.train = result,
                     .epochs = config_.train.epochs,
                     .step = trainer_->optimizer().applied_steps(),
                     .samples_seen = progress_.samples_seen,
                     .seconds = seconds()};
  if (validate_here && !validate_now()) return std::nullopt;
  report.metrics = newest_validation();
  report.metrics["train/loss"] = result.loss;
  if (progress_.validated_at == report.step)
    for (const auto& [name, table] : progress_.validation->tables)
      report.tables["validation/" + name] = table;
  trainer_->observe("train/loss", result.loss);
  progress_.history.push_back({result.epoch, report.step, report.metrics});
  output_.log->add(report);
  return report;
}

}  // namespace weft::train
