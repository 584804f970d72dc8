// SPDX-License-Identifier: Apache-2.0
// The state that a run saves, and how a run is resumed from it.
//
// Note [The order of a resume]
// The weights are loaded first, then the state of strategies and callbacks. Then on_train_begin of
// both is called, which freezes parameters. The trainer, the optimizer and the run follow: stashed
// state of the optimizer requires that its parameters are frozen. The files of metrics are cut to
// the checkpoint last, when no later check can fail.
#include <algorithm>

#include "weft/core/counted.h"
#include "weft/core/json.h"
#include "weft/core/log.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/environment.h"
#include "weft/train/step/library_plans.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/checkpoint/optimizer_state.h"
#include "weft/train/strategies/strategies.h"

#include <nlohmann/json.hpp>

namespace weft::train {

namespace fs = std::filesystem;

std::vector<StatefulPart> Orchestrator::training_parts() {
  std::vector<StatefulPart> parts{{"trainer", [this](State& s) { trainer_->state(s); }}};
  for (const ScheduledOptimizer& each : trainer_->optimizers().all())
    parts.push_back({each.name, [&its = *each.optimizer](State& s) { optimizer_state(s, its); }});
  parts.push_back({"run", [this](State& s) { state(s); }});
  if (input_.stream) parts.push_back({"stream", [this](State& s) { input_.stream->state(s); }});
  // Optional, because checkpoints of an older weft do not have it.
  parts.push_back({"trained_epoch", [this](State& s) { s("result", progress_.trained); }, true});
  if constexpr (kHasCuda)
    if (!is_cpu(trainer_->optimizers().device()))
      parts.push_back({"library_plans", library_plans, true});
  return parts;
}

void Orchestrator::state(State& s) {
  double elapsed = seconds();
  s.within("samples_seen", progress_.samples_seen, 0, kMostSaved);
  s.within("seconds", elapsed, 0, kMostSaved)("epoch_begun", progress_.epoch_begun);
  s("end_reason", progress_.end_reason)
      .within("validated_at", progress_.validated_at, -1, kMostSaved);
  s("validation", progress_.validation)("history", progress_.history)("loader", *input_.loader);
  u64 seed = default_generator().seed(), counter = default_generator().counter();
  s("generator_seed", seed)("generator_counter", counter);
  if (!s.loading()) return;
  progress_.seconds_before = elapsed;
  default_generator() = Generator(seed, counter);
}

std::tuple<i64, i64, i64> Orchestrator::place() const {
  const TrainingProgress& progress = trainer_->progress();
  return {progress.steps_begun, progress.epochs_done, progress.epoch.batches};
}

// The samples of a stream that the run has trained on, after whole batches of the epoch.
i64 Orchestrator::samples_begun(i64 batches_of_epoch) const {
  return trainer_->progress().epochs_done * input_.loader->samples_per_epoch() +
         batches_of_epoch * config_.train.batch_size;
}

Metadata Orchestrator::model_metadata() const {
  const data::DatasetInfo& info = data().train->info();
  return metadata_of({config_.model.recipe,
                      {info.sample, trainer_->shared_loss()->outputs(info)},
                      info.sample_dtype,
                      data().normalization,
                      info.class_names,
                      info.input_names});
}

// All ranks do this, because callbacks may change what they have, and rank 0 may need parts of the
// state that others hold. Rank 0 writes the checkpoint. The others wait until it can go on: in a
// step they would not wait for longer than dist.timeout.
void Orchestrator::save(const std::map<std::string, double>& metrics, bool due,
                        const std::string& ended) {
  trainer_->synchronize();
  copy_buffers();
  if (due)
    for (const auto& callback : hooks_.callbacks()) callback->on_due_checkpoint(*this, metrics);
  Snapshot snapshot;
  if (input_.stream) {
    input_.stream->save(samples_begun(trainer_->progress().epoch.batches));
    for (const fs::path& file : input_.stream->files_of_checkpoint(
             last_checkpoint(), samples_begun(0), config_.checkpoint.keep_last))
      snapshot.after(file);
  }
  if (ranks().is_first()) {
    const Metadata metadata = model_metadata();
    for (const NamedModel& model : trainer_->models())
      snapshot.add(model.name + ".safetensors", state_of(*model.module),
                   model.metadata.empty() ? metadata : model.metadata);
  }
  for (const auto& callback : hooks_.callbacks()) callback->on_checkpoint(*this, snapshot);
  StateParts parts = states();
  if (ranks().is_first()) write(std::move(snapshot), std::move(parts), metrics, ended);
  output_.saved_place = place();
  control_.asked.saved_after = trainer_->progress().steps_begun;
  control_.asked.agreed_save = false;
  if (ranks().alone()) return;
  control_.checkpoint_requested = false;
  ranks().wait("a save");
}

StateParts Orchestrator::states() {
  StateParts states;
  for (const auto& parts : {hooks_.parts(config_.strategy.size() > 1), training_parts()})
    for (const StatefulPart& part : parts) {
      StateRecord record = save_state(part.state);
      if (!part.optional || record.json != "{}") states[part.name] = std::move(record);
    }
  return states;
}

void Orchestrator::write(Snapshot snapshot, StateParts states,
                         const std::map<std::string, double>& metrics, const std::string& ended) {
  output_.log.save_states(states);
  const EpochProgress& epoch = trainer_->progress().epoch;
  CheckpointAbout about{.epoch = trainer_->progress().epochs_done,
                        .batch = epoch.batches,
                        .step = trainer_->optimizer().applied_steps(),
                        .samples = progress_.samples_seen + epoch.samples,
                        .ended = ended,
                        .metrics = metrics,
                        .environment = environment(),
                        .logs = output_.log.sizes(),
                        .log_lines = output_.log.lines(),
                        .config = config::to_yaml(config_),
                        .data_place = data().place};
  about.environment["device"] = name_of(trainer_->optimizers().device());
  if (!ranks().alone()) about.environment["ranks"] = std::to_string(ranks().size());
  TensorMap tensors;
  snapshot.add(kTrainerStateFile, trainer_state_text(about, states, tensors));
  states.clear();
  snapshot.add(kOptimizerFile, std::move(tensors));
  for (const auto& [name, bytes] : about.logs)
    if (bytes > 0) snapshot.after_log(output_.folder->file(name));
  const CheckpointName name = output_.checkpoints->save(std::move(snapshot), about.step, metrics);
  if (input_.stream) input_.stream->note_checkpoint(name.text());
}

std::optional<fs::path> Orchestrator::last_checkpoint() {
  if (!output_.last_of_first.empty()) return output_.last_of_first;
  if (!output_.checkpoints) return std::nullopt;
  return output_.checkpoints->newest_good();
}

namespace {

// Adds the file to the message of a state that does not fit.
void load_part(const CheckpointReader& from, const StatefulPart& part, const StateRecord& record) {
  try {
    load_state(part.state, record, "resume: " + part.name);
  } catch (const UserError& error) {
    fail("{} ({})", error.what(), from.file(kTrainerStateFile));
  }
}

}  // namespace

void Orchestrator::restore_hooks() {
  const CheckpointReader& from = *resume_.from;
  for (const NamedModel& model : trainer_->models())
    load(*model.module, from.file(model.name + ".safetensors"));
  StateRecord strategies;
  if (from.has("strategy")) strategies = unchained(from.part("strategy"));
  // A chain of one, in a run of 6e903a6, has the state of a list.
  bool as_list = config_.strategy.size() > 1;
  if (!as_list && from.has("strategy") && !config_.strategy.empty())
    as_list = parse_json<nlohmann::json>(strategies.json, "resume: strategy")
                  .contains("0." + config_.strategy.front().name());
  for (const StatefulPart& part : hooks_.parts(as_list))
    if (!part.optional || from.has(part.name))
      load_part(from, part,
                part.name == "strategy" && from.has(part.name) ? strategies : from.part(part.name));
}

namespace {

// A schedule of another type, which resume_override allows, begins without the observed values of
// the previous one.
StateRecord with_schedule(const StateRecord& trainer, optim::Schedule& schedule) {
  auto json = parse_json<nlohmann::ordered_json>(trainer.json, "resume: trainer");
  json["schedule"] =
      parse_json<nlohmann::ordered_json>(save_state(schedule).json, "resume: schedule");
  return {json.dump(), trainer.tensors};
}

}  // namespace

// Each value of a state has its range. This compares those that say the same, or bound each other:
// a count that is not that of the others would leave out steps, or make them twice.
void Orchestrator::check_restored(const CheckpointReader& from) const {
  const auto check = [&](bool holds, const char* field, i64 value, const std::string& required) {
    WEFT_CHECK(holds, "resume: {}: {} is {}; {} is required", from.file(kTrainerStateFile), field,
               value, required);
  };
  const auto equal = [&](const char* field, i64 value, const char* other, i64 required) {
    check(value == required, field, value, fmt::format("{}, as {} says,", required, other));
  };
  const auto at_most = [&](const char* field, i64 value, const char* other, i64 most) {
    check(value <= most, field, value, fmt::format("at most {}, as {} says,", most, other));
  };
  const CheckpointAbout& about = from.about();
  const TrainingProgress& progress = trainer_->progress();
  const i64 applied = trainer_->optimizer().applied_steps();
  equal("trainer.epochs_done", progress.epochs_done, "epoch", about.epoch);
  equal("trainer.epoch.batches", progress.epoch.batches, "batch", about.batch);
  equal("optimizer.applied_steps", applied, "step", about.step);
  equal("run.samples_seen", progress_.samples_seen, "samples",
        about.samples - progress.epoch.samples);
  const i64 batches = input_.loader->batches_per_epoch(), accumulate = config_.train.accumulate;
  equal("trainer.steps_per_epoch", trainer_->optimizers().length().steps_per_epoch, "the data",
        (batches + accumulate - 1) / accumulate);
  at_most("trainer.epoch.batches", progress.epoch.batches, "the data", batches);
  at_most("trainer.epoch.samples", progress.epoch.samples, "trainer.epoch.batches",
          progress.epoch.batches * input_.loader->options().batch_size);
  for (const ScheduledOptimizer& each : trainer_->optimizers().all()) {
    at_most("applied_steps", each.optimizer->applied_steps(), "trainer.steps_begun",
            progress.steps_begun);
    at_most("schedule_start", each.start, "applied_steps", each.optimizer->applied_steps());
  }
  at_most("run.validated_at", progress_.validated_at, "step", applied);
  check((progress_.validated_at >= 0) == progress_.validation.has_value(), "run.validated_at",
        progress_.validated_at, "a step where there is run.validation, and -1 where not,");
  if (progress_.trained)
    equal("trained_epoch.result.epoch", progress_.trained->epoch, "trainer.epochs_done",
          progress.epochs_done + (progress_.trained->complete ? 0 : 1));
}

void Orchestrator::restore_training() {
  const std::shared_ptr<const CheckpointReader> from = resume_.from;
  const CheckpointAbout& about = from->about();
  const std::string source = from->file(kTrainerStateFile);
  const RunConfig before = config::load_text<RunConfig>(about.config, source).value;
  const bool other_schedule = before.scheduler.name() != config_.scheduler.name();
  for (const StatefulPart& part : training_parts()) {
    if (part.optional && !from->has(part.name)) continue;
    StateRecord record = from->part(part.name);
    if (part.name == "trainer" && other_schedule)
      record = with_schedule(record, *trainer_->optimizers().all().front().schedule);
    load_part(*from, part, record);
  }
  check_restored(*from);
  if (!progress_.end_reason.empty()) control_.ending.request_stop();
  if (ranks().is_first()) {
    output_.log.load_states(*from);
    begin_log();
  }
  if (!resume_.folder.empty()) output_.saved_place = place();

  log_info("resume: going on from {}: {}, {} and {} are done", from->folder().string(),
           counted(about.step, "step"), counted(about.epoch, "epoch"),
           about.batch == 1 ? "1 batch" : fmt::format("{} batches", about.batch));
  if (resume_.over) {
    log_info("resume: that run has ended ({})", about.ended);
  } else if (!about.ended.empty()) {  // inside an epoch, whose samples are counted again at its end
    i64& seen = progress_.samples_seen;
    seen -= std::min(seen, trainer_->progress().epoch.samples);
  }
  std::map<std::string, std::string> here = environment(), saved = about.environment;
  here["device"] = name_of(trainer_->optimizers().device());
  here["ranks"] = std::to_string(ranks().size());
  saved.try_emplace("ranks", "1");
  if (const std::string changes = not_bit_exact(saved, here);
      !changes.empty() && ranks().is_first())
    log_warning("resume: not bit-exact, because the run goes on elsewhere than it was: {}",
                changes);
}

}  // namespace weft::train
