// SPDX-License-Identifier: Apache-2.0
// The epoch loop of a run. There is no other.
#include <algorithm>
#include <cmath>
#include <limits>

#include <unistd.h>

#include "weft/core/counted.h"
#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/environment.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train {
double Orchestrator::seconds() const {
  return progress_.seconds_before + seconds_since(progress_.started);
}

void Orchestrator::open_folder() {
  const bool continues = !resume_.folder.empty();
  const std::string& dir = config_.checkpoint.dir;
  if (!continues) place_to_save(config_.run.dir, dir, false);  // before a folder is made
  // A run that has ended needs to write nothing.
  const bool reads_only = continues && resume_.over && access(resume_.folder.c_str(), W_OK) != 0;
  output_.folder = reads_only  ? RunFolder::of_another_process(resume_.folder)
                   : continues ? RunFolder::reuse(resume_.folder)
                               : RunFolder::create(config_.run.dir, origin_.name);
  const std::filesystem::path& run = output_.folder->path();
  const std::filesystem::path checkpoints = place_to_save(run, dir, continues);
  // Where a resumed run goes on, the next resume finds it too.
  if (dir.empty() && checkpoints != run / "checkpoints")
    config_.checkpoint.dir = checkpoints.string();
  WEFT_CHECK(!continues || checkpoints_in(checkpoints) == resume_.seen,
             "resume: another process has continued {}; start again to continue after it",
             output_.folder->path().string());
  output_.folder->write("config.yaml", config::to_yaml(config_));
  std::string lines;
  for (const std::string& line : origin_.overrides) lines += line + "\n";
  output_.folder->write("overrides.txt", lines);
  output_.folder->write("environment.json", environment_json());
  if (reads_only) log_info("resume: {} cannot be written, and stays as it is", run.string());
  else claim_place(checkpoints, run);
  output_.checkpoints.emplace(checkpoints, config_.checkpoint, resume_.name);
  output_.checkpoints->on_written([this](const CheckpointName& name, const auto& path) {
    output_.log.add_checkpoint(name.step, path);
  });
}

// Called for a new run before its first event, and for a resumed one when no later check can fail.
void Orchestrator::begin_log() {
  const bool elsewhere = resume_.from && resume_.folder.empty();
  output_.log.begin({.folder = *output_.folder,
                     .config = config::to_yaml(config_),
                     .metrics = output_.metric_names,
                     .resumed_at = resume_.from ? &resume_.from->about() : nullptr,
                     .before = elsewhere ? resume_.run : "",
                     .values = config::flatten(section_ref(config_)),
                     .loader = &*input_.loader});
}

void Orchestrator::begin_hooks() {
  for (const auto& callback : hooks_.callbacks()) callback->on_train_begin(*this);
  for (const auto& strategy : hooks_.strategies()) strategy->on_train_begin(*trainer_);
}

// A run that cannot begin leaves no folder, which would hold the place of the next try.
void Orchestrator::begin() {
  try {
    begin_run();
  } catch (...) {
    discard_folder();
    throw;
  }
}

void Orchestrator::discard_folder() {
  if (!output_.folder || !ranks().is_first()) return;
  output_.checkpoints.reset();
  output_.folder->discard();
}

void Orchestrator::begin_run() {
  ranks().together("making the run folder", [this] {
    if (ranks().is_first()) open_folder();
  });
  share_folder();
  trainer_->set_stop_token(control_.ending.get_token());
  ranks().together("the start", [this] {
    if (resume_.from) restore_hooks();
    else if (ranks().is_first()) begin_log();
    begin_hooks();
    if (resume_.from) restore_training();
  });
  if (resume_.from) ranks().check_equal(trainer_->models());
  if (const std::vector<i64>& subset = data().validation_subset; !subset.empty())
    log_info(
        "validation: {} of the {} held-out samples are looked at, and all of them in the last one",
        subset.size(), data().validation->size());
}

RunReport Orchestrator::train(std::stop_token stop) {
  progress_.started = Clock::now();
  if (ranks().alone()) control_.stop = std::move(stop);
  else listen_to_ranks(std::move(stop));
  control_.ending = std::stop_source();
  const std::stop_callback forward(control_.stop, [this] { control_.ending.request_stop(); });
  if (input_.placed.train == nullptr) {
    ranks().together("placing the data", [this] {
      input_.placed = place_data(data(), config_.data.common, trainer_->optimizers().device());
      input_.loader = loader_for(input_.placed.train, true);
    });
  }
  const bool over = resume_.over;
  if (input_.stream && !over) input_.stream->listen();
  begin();
  if (input_.stream && !over)
    input_.stream->open(folder()->path(), samples_begun(trainer_->progress().epoch.batches),
                        control_.ending.get_token());
  std::string failed;
  bool complete = false;
  try {
    complete = train_epochs();
  } catch (const TrainingError& error) {
    failed = error.what();
    note_failure(failed);
  } catch (const UserError& error) {  // of a config: it may not even have begun to train
    note_failure(error.what());
    if (trainer_->optimizer().applied_steps() == 0 && !last_checkpoint()) discard_folder();
    throw;
  } catch (const std::exception& error) {
    note_failure(error.what());
    throw;
  }
  if (input_.stream) end_stream(failed);
  share_last_checkpoint();
  const std::optional<Evaluation>& validation = progress_.validation;
  RunReport report{.epochs = trainer_->progress().epochs_done,
                   .steps = trainer_->optimizer().applied_steps(),
                   .ended_early = progress_.end_reason,
                   .failed = failed,
                   .saved = last_checkpoint().has_value(),  // waits for a save in progress
                   .validation = validation,
                   .folder = folder()->path().string()};
  if (!report.ended_early.empty())  // a part of an epoch counts as one
    log_info("run ended early in epoch {}: {}",
             report.epochs + (trainer_->progress().epoch.batches > 0 ? 1 : 0), report.ended_early);
  if (data().test != nullptr && complete) {
    report.test = test(control_.stop);
    complete = report.test.has_value();
    if (complete) {
      output_.log.add_test(report.steps, *report.test);
      report.failed = problem_of(*report.test);
      if (!report.failed.empty()) note_failure(report.failed);
    }
  }
  report.validation_loss = report.failed.empty() && validation
                               ? validation->loss
                               : std::numeric_limits<double>::infinity();
  report.stopped = report.failed.empty() && !complete && control_.stop.stop_requested();
  report.seconds = seconds();
  for (const auto& callback : hooks_.callbacks()) callback->on_train_end(report);
  output_.log.end(report);
  output_.folder->unlock();
  ranks().wait("the end of the run");
  return report;
}

// Sets why the run is given up, if no records came.
void Orchestrator::end_stream(std::string& failed) {
  if (failed.empty() && !input_.stream->failure().empty()) {
    failed = input_.stream->failure();
    note_failure(failed);
  }
  const bool goes_on = control_.stop.stop_requested() || !failed.empty();
  input_.stream->close(goes_on ? "" : "the run is over");
  input_.stream->report();
}

// Whether the run ends here for now, and goes on when it is resumed.
bool Orchestrator::stopped() const {
  return control_.stop.stop_requested() || (input_.stream && !input_.stream->failure().empty());
}

// A stream has epochs until train.max_steps or its end.
bool Orchestrator::has_epochs_left() const {
  return input_.stream != nullptr || trainer_->progress().epochs_done < epochs();
}

void Orchestrator::note_failure(const std::string& reason) {
  output_.log.add_failure(trainer_->progress().epochs_done, trainer_->optimizer().applied_steps(),
                          reason);
}

// Returns whether training came to its end, not to a stop. Trains nothing in a run that was resumed
// at its end.
bool Orchestrator::train_epochs() {
  bool over = resume_.over;
  resume_ = {};
  const i64 limit = config_.train.max_steps;
  // An epoch that failed begins again before a stop takes effect, because a checkpoint cannot say
  // that the batches of its first attempt are void.
  bool begins_again = false;
  while (!over && (progress_.trained || has_epochs_left())) {
    meet_ranks();
    if (stopped() && !begins_again) break;
    // An epoch that was begun is always ended, so that a resumed run has the same log as an
    // uninterrupted one.
    over = limit > 0 && trainer_->applied_at_least(limit) && !progress_.epoch_begun;
    if (over) break;
    const bool trained = progress_.trained || train_epoch();
    begins_again = !trained && !progress_.epoch_begun;
    if (trained) over = end_epoch_or_repair();
    else over = input_.loader->stream_ended();  // before the first batch of the epoch
  }
  bool complete = over || (!progress_.trained && !has_epochs_left());
  complete = complete && validate_at_end();
  check_validation();
  if (output_.saved_place != place()) save(newest_validation(), false);
  ranks().together("the last save", [this] {
    if (ranks().is_first()) output_.checkpoints->finish();
  });
  if (complete) check_steps();
  return complete;
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
    if (!goes_on || stopped()) return false;
    if (input_.loader->stream_ended()) {
      stop("the stream has ended");
      progress_.epoch_begun = progress.epoch.batches > 0;
      if (!progress_.epoch_begun) return false;
    }
    const EpochResult result = trainer_->end_epoch();
    if (!result.complete && control_.stop.stop_requested()) return false;
    progress_.samples_seen += result.samples;
    progress_.trained = result;
    return true;
  } catch (const TrainingError& error) {
    if (repaired(error)) return false;
    throw;
  }
}

// Called after each step. Returns false when a stop was requested, after a checkpoint.
bool Orchestrator::validate_and_save_if_due() {
  heed_step();
  if (validation_due()) {
    validate_now(false);
    check_validation();
  }
  if (save_due()) save(newest_validation(), checkpoint_due());
  return !control_.stop.stop_requested();
}

// Returns true if a callback has repaired the run. Earlier validations were of other weights then.
bool Orchestrator::repaired(const TrainingError& error) {
  progress_.epoch_begun = false;
  progress_.trained.reset();
  share_last_checkpoint();
  for (const auto& callback : hooks_.callbacks()) {
    if (!callback->on_failure(*this, error)) continue;
    progress_.validation.reset();
    progress_.validated_at = -1;
    for (const auto& each : hooks_.callbacks()) each->on_repaired(*this);
    return true;
  }
  return false;
}

// Called after each step. The checkpoint at the end of an epoch is saved by end_epoch().
bool Orchestrator::save_due() {
  if (output_.checkpoints) output_.checkpoints->poll();
  const bool requested = take_request_to_save();
  if (requested)
    log_info("checkpoint: requested at step {}", trainer_->optimizer().applied_steps());
  if (requested || control_.stop.stop_requested()) return true;
  const i64 limit = config_.train.max_steps;
  return checkpoint_due() && progress_.end_reason.empty() &&
         !(limit > 0 && trainer_->applied_at_least(limit));
}

// Whether checkpoint.every makes a checkpoint due inside of the epoch, after this step.
bool Orchestrator::checkpoint_due() const {
  const TrainingProgress& progress = trainer_->progress();
  return saves_->due_after_step(progress.steps_begun) &&
         progress.epoch.batches < input_.loader->batches_per_epoch();
}

// Returns whether it was the last epoch.
bool Orchestrator::end_epoch_or_repair() {
  const bool cut = !progress_.trained->complete;
  try {
    return end_epoch();
  } catch (const TrainingError& error) {
    if (!repaired(error)) throw;
    return cut || !progress_.end_reason.empty();
  }
}

// Returns whether it was the last epoch. When a stop is requested in the validation, the epoch is
// not ended: a checkpoint has what is left to do.
bool Orchestrator::end_epoch() {
  const EpochResult result = *progress_.trained;
  const i64 limit = config_.train.max_steps;
  const bool last = !has_epochs_left() || !result.complete || !progress_.end_reason.empty() ||
                    (limit > 0 && trainer_->applied_at_least(limit));
  const bool save_is_due = saves_->due_after_epoch(result.epoch) ||
                           saves_->due_after_step(trainer_->progress().steps_begun);
  const bool saves = last || save_is_due;
  // A checkpoint needs a score, also if validation goes by steps.
  const bool due =
      last || (validation_->by_steps() ? saves : validation_->due_after_epoch(result.epoch));
  const std::optional<EpochReport> report =
      report_epoch(result, data().validation != nullptr && due, last);
  if (!report) {
    save(newest_validation(), false);
    return false;
  }
  for (const auto& callback : hooks_.callbacks()) callback->on_epoch_end(*report);
  progress_.epoch_begun = false;
  progress_.trained.reset();
  check_validation();
  const std::string& reason = progress_.end_reason;
  const std::string ended = !reason.empty() || result.complete ? reason : "train.max_steps";
  std::map<std::string, double> metrics = report->metrics;
  if (!reason.empty() && validate_at_end())  // a callback may have ended the run just now
    for (const auto& [name, value] : newest_validation()) metrics[name] = value;
  if (saves || !ended.empty() || control_.stop.stop_requested()) save(metrics, save_is_due, ended);
  return !result.complete || !reason.empty();
}

// Throws TrainingError, with the reason, if no step of the whole run was applied.
void Orchestrator::check_steps() const {
  if (trainer_->optimizer().applied_steps() > 0) return;
  const std::vector<EpochMetrics>& history = progress_.history;
  const bool unweighted = !history.empty() && history.back().metrics.contains("train/loss") &&
                          std::isnan(history.back().metrics.at("train/loss"));
  throw TrainingError(fmt::format(
      "no step of {} was applied: {}", trainer_->progress().steps_begun,
      unweighted ? "no training sample has a weight above 0 (loss.class_weights, "
                   "loss.ignore_index); at least one is required"
                 : "no gradient was finite; a lower precision.init_scale, or more steps, by which "
                   "the loss scale falls, is required"));
}

// A loss of a thousand times that of the initial weights is finite, but nothing is being learned.
// One that is not finite ends the run, with a sentence of its own.
void Orchestrator::warn_if_diverged(const std::string& metric, double loss) {
  constexpr double kFactor = 1000;
  const auto& [first, samples] = input_.first_loss;
  if (progress_.diverged || std::isnan(first) || !std::isfinite(loss)) return;
  if (!(std::abs(loss) > kFactor * std::max(1.0, std::abs(first)))) return;
  progress_.diverged = true;
  log_warning(
      "{} is {:.3g} after step {}, and the loss of the first {} was {:.3g} with the initial "
      "weights: the run seems to have diverged; try a lower learning rate, or train.clip_norm",
      metric, loss, trainer_->optimizer().applied_steps(), counted(samples, "training sample"),
      first);
}

// Returns nothing when a stop was requested in the validation.
std::optional<EpochReport> Orchestrator::report_epoch(const EpochResult& result, bool validate_here,
                                                      bool all) {
  EpochReport report{.train = result,
                     .epochs = epochs(),
                     .step = trainer_->optimizer().applied_steps(),
                     .samples_seen = progress_.samples_seen,
                     .seconds = seconds()};
  if (validate_here && !validate_now(all)) return std::nullopt;
  report.metrics = newest_validation();
  report.metrics["train/loss"] = result.loss;
  for (const auto& [name, value] : result.metrics) report.metrics["train/" + name] = value;
  for (const auto& [name, table] : result.tables) report.tables["train/" + name] = table;
  if (progress_.validated_at == report.step) {
    for (const auto& [name, table] : progress_.validation->tables)
      report.tables["validation/" + name] = table;
    if (!validated_all()) report.validation_samples = progress_.validation->samples;
  }
  warn_if_diverged("train/loss", result.loss);
  trainer_->observe("train/loss", result.loss);
  for (const auto& [name, value] : result.metrics) trainer_->observe("train/" + name, value);
  progress_.history.push_back({result.epoch, report.step, report.metrics});
  output_.log.add(report);
  return report;
}

}  // namespace weft::train
