// SPDX-License-Identifier: Apache-2.0
// The course of a run: the only epoch loop.
#include <chrono>
#include <cmath>
#include <limits>

#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/environment.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

double Orchestrator::seconds() const { return seconds_before_ + now() - started_; }

void Orchestrator::open_folder() {
  const bool goes_on = !resume_.folder.empty();
  folder_ = goes_on ? RunFolder::reuse(resume_.folder) : RunFolder::create(config_.run.dir, name_);
  const std::filesystem::path checkpoints = folder_->file("checkpoints");
  WEFT_CHECK(!goes_on || checkpoints_in(checkpoints) == resume_.seen,
             "resume: another process has gone on with {}; start again to go on after it",
             folder_->path().string());
  folder_->write("config.yaml", config::to_yaml(config_));
  std::string lines;
  for (const std::string& line : overrides_) lines += line + "\n";
  folder_->write("overrides.txt", lines);
  folder_->write("environment.json", environment_json());
  log_.emplace(*folder_);
  if (!resume_.from) log_->restore({{"metrics.jsonl", 0}, {"metrics.csv", 0}});
  checkpoints_.emplace(checkpoints, config_.checkpoint, resume_.name);
}

void Orchestrator::begin() {
  open_folder();
  trainer_->set_stop_token(ending_.get_token());
  if (resume_.from) restore_steering();
  for (const auto& callback : callbacks_) callback->on_train_begin(*this);
  if (strategy_) strategy_->on_train_begin(*trainer_);
  if (resume_.from) restore_training();
}

RunReport Orchestrator::train(std::stop_token stop) {
  started_ = now();
  stop_ = std::move(stop);
  ending_ = std::stop_source();
  stop_saved_ = false;
  const std::stop_callback forward(stop_, [this] { ending_.request_stop(); });
  if (placed_.train == nullptr) {
    placed_ = place_data(data_, config_.data.common, trainer_->device());
    loader_ = loader_for(placed_.train, true);
  }
  begin();
  std::string failed;
  try {
    train_epochs();
  } catch (const TrainingError& error) {
    failed = error.what();
    last_checkpoint();  // waits for one that is being written
  }
  RunReport report{.epochs = trainer_->epochs_done(),
                   .steps = trainer_->optimizer().applied_steps(),
                   .stopped = stop_.stop_requested(),
                   .ended_early = end_reason_,
                   .failed = failed,
                   .validation = validation_,
                   .validation_loss = !failed.empty() ? std::numeric_limits<double>::infinity()
                                      : validation_   ? validation_->loss
                                                      : std::numeric_limits<double>::quiet_NaN(),
                   .folder = folder_->path().string()};
  if (!end_reason_.empty()) log_info("run ended early: {}", end_reason_);
  if (data_.test != nullptr && !report.stopped && failed.empty()) {
    report.test = test();
    log_->add_test(report.steps, *report.test);
  }
  report.seconds = seconds();
  for (const auto& callback : callbacks_) callback->on_train_end(report);
  folder_->unlock();
  return report;
}

// A run that was resumed at its end has nothing to do here.
void Orchestrator::train_epochs() {
  const bool over = resume_.from && !resume_.from->about().ended.empty();
  resume_ = {};
  while (!over && trainer_->epochs_done() < config_.train.epochs) {
    // An epoch that was begun is ended, so that a resumed run logs what the one at a stretch does.
    if (stop_.stop_requested() || (trainer_->limit_reached() && !epoch_begun_)) break;
    const std::optional<EpochResult> result = train_epoch();
    if (!result) continue;
    if (stop_saved_ || (!result->complete && stop_.stop_requested())) break;
    end_epoch(*result);
    if (!result->complete || !end_reason_.empty()) break;
  }
  if (!stop_saved_ && saved_place_ != place()) save(newest_validation());
  checkpoints_->finish();
}

// Nothing when training failed and a callback put it right: the epoch starts again.
std::optional<EpochResult> Orchestrator::train_epoch() {
  const i64 epoch = trainer_->epochs_done();
  if (!std::exchange(epoch_begun_, true)) {
    if (strategy_) strategy_->on_epoch_begin(*trainer_, epoch);
    for (const auto& callback : callbacks_) callback->on_epoch_begin(*this, epoch);
  }
  loader_->set_position({epoch, trainer_->batches_to_skip()});
  try {
    return trainer_->train_one_epoch(*loader_);
  } catch (const TrainingError& error) {
    epoch_begun_ = false;
    for (const auto& callback : callbacks_)
      if (callback->on_failure(*this, error)) return std::nullopt;
    throw;
  }
}

void Orchestrator::end_epoch(const EpochResult& result) {
  samples_seen_ += result.samples;
  const bool last = result.epoch == config_.train.epochs || !result.complete ||
                    !end_reason_.empty() || trainer_->limit_reached();
  const bool saves = last || (save_steps_ > 0 ? trainer_->steps_begun() % save_steps_ == 0
                                              : result.epoch % save_epochs_ == 0);
  // A checkpoint wants its score, also where validation goes by steps.
  const bool due = last || (validate_steps_ > 0 ? saves : result.epoch % validate_epochs_ == 0);
  const EpochReport report = report_epoch(result, data_.validation != nullptr && due);
  if (strategy_) strategy_->on_epoch_end(*trainer_, result);
  for (const auto& callback : callbacks_) callback->on_epoch_end(report);
  epoch_begun_ = false;
  const std::string ended =
      !end_reason_.empty() || result.complete ? end_reason_ : "train.max_steps";
  if (saves || !ended.empty() || stop_.stop_requested()) save(report.metrics, ended);
}

// All observers have seen the step. At the end of an epoch its own checkpoint follows.
void Orchestrator::step_settled() {
  if (!checkpoints_) return;  // the trainer is used without the run
  checkpoints_->poll();
  const bool ends = trainer_->epoch_progress().batches == loader_->batches_per_epoch() ||
                    trainer_->limit_reached() || !end_reason_.empty();
  const bool due = save_steps_ > 0 && trainer_->steps_begun() % save_steps_ == 0 && !ends;
  const bool asked = checkpoint_asked_.exchange(false);
  stop_saved_ = stop_.stop_requested();
  if (due || asked || stop_saved_) save(newest_validation());
  if (asked) log_info("checkpoint: asked for at step {}", trainer_->optimizer().applied_steps());
}

void Orchestrator::observe(const std::string& metric, double value) {
  trainer_->observe(metric, value);
}

// Once for each step: an epoch's last validation may just have been made.
const Evaluation& Orchestrator::validate_now() {
  const i64 step = trainer_->optimizer().applied_steps();
  if (validated_at_ == step) return *validation_;
  for (const auto& callback : callbacks_) callback->on_validation_begin(*this);
  validation_ = validate();
  validated_at_ = step;
  for (const auto& callback : callbacks_) callback->on_validation_end(*this, *validation_);
  for (const auto& [name, value] : validation_->metrics) observe("validation/" + name, value);
  if (validate_steps_ > 0 && log_)
    log_->add_validation(trainer_->epochs_done(), step, *validation_);
  return *validation_;
}

// Of the step at hand; empty when there was none.
std::map<std::string, double> Orchestrator::newest_validation() {
  trainer_->settle();
  std::map<std::string, double> metrics;
  if (validated_at_ != trainer_->optimizer().applied_steps()) return metrics;
  for (const auto& [name, value] : validation_->metrics) metrics["validation/" + name] = value;
  return metrics;
}

EpochReport Orchestrator::report_epoch(const EpochResult& result, bool validate_here) {
  EpochReport report{.train = result,
                     .epochs = config_.train.epochs,
                     .step = trainer_->optimizer().applied_steps(),
                     .samples_seen = samples_seen_,
                     .seconds = seconds()};
  if (validate_here) validate_now();
  report.metrics = newest_validation();
  report.metrics["train/loss"] = result.loss;
  if (validated_at_ == report.step)
    for (const auto& [name, table] : validation_->tables)
      report.tables["validation/" + name] = table;
  observe("train/loss", result.loss);
  history_.push_back({result.epoch, report.step, report.metrics});
  log_->add(report);
  return report;
}

}  // namespace weft::train
