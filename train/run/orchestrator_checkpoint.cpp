// SPDX-License-Identifier: Apache-2.0
// What a run saves, and how it goes on from that.
//
// Note [The order of a resume]
// Weights; the state of strategy and callbacks; on_train_begin of both, which freezes what they say; then the
// trainer, the optimizer, whose parked state must find its parameters parked, and the run itself. The files of
// metrics are cut to the checkpoint's place last of all, when nothing can be refused any more.
#include "weft/core/log.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/core/config/config.h"
#include "weft/train/checkpoint/environment.h"
#include "weft/train/step/library_plans.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/checkpoint/optimizer_state.h"

#include <nlohmann/json.hpp>

namespace weft::train {

namespace fs = std::filesystem;

// Something with a state. It need not have been saved: a callback that the config does not know, or what a GPU adds.
struct Orchestrator::Part {
  std::string name;
  std::function<void(State&)> state;
  bool optional = false;
};

std::vector<Orchestrator::Part> Orchestrator::steering() {
  std::vector<Part> parts;
  if (strategy_) parts.push_back({"strategy", [this](State& s) { strategy_->state(s); }});
  for (std::size_t i = 0; i < callbacks_.size(); ++i)
    parts.push_back({callback_names_[i],
                     [callback = callbacks_[i]](State& s) { callback->state(s); },
                     is_added(callback_names_[i])});
  return parts;
}

std::vector<Orchestrator::Part> Orchestrator::training() {
  std::vector<Part> parts{{"trainer", [this](State& s) { trainer_->state(s); }}};
  for (const ScheduledOptimizer& each : trainer_->optimizers())
    parts.push_back({each.name, [&its = *each.optimizer](State& s) { optimizer_state(s, its); }});
  parts.push_back({"run", [this](State& s) { state(s); }});
  if constexpr (kHasCuda)
    if (!std::holds_alternative<Cpu>(trainer_->device()))
      parts.push_back({"library_plans", library_plans, true});
  return parts;
}

void Orchestrator::state(State& s) {
  double elapsed = seconds();
  s("samples_seen", samples_seen_)("seconds", elapsed)("epoch_begun", epoch_begun_);
  s("end_reason", end_reason_)("validated_at", validated_at_)("validation", validation_);
  s("history", history_)("loader", *loader_);
  u64 seed = default_generator().seed(), counter = default_generator().counter();
  s("generator_seed", seed)("generator_counter", counter);
  if (!s.loading()) return;
  seconds_before_ = elapsed;
  default_generator() = Generator(seed, counter);
}

std::tuple<i64, i64, i64> Orchestrator::place() const {
  return {trainer_->steps_begun(), trainer_->epochs_done(), trainer_->epoch_progress().batches};
}

Metadata Orchestrator::model_metadata() const {
  const data::DatasetInfo& info = data_.train->info();
  return metadata_of({config_.model.recipe,
                      {info.sample, config_.loss.make()->outputs(info)},
                      info.sample_dtype,
                      data_.normalization,
                      info.class_names});
}

void Orchestrator::save(const std::map<std::string, double>& metrics, const std::string& ended) {
  trainer_->settle();
  Snapshot snapshot;
  const Metadata metadata = model_metadata();
  for (const NamedModel& model : trainer_->models())
    snapshot.add(model.name + ".safetensors", state_of(*model.module),
                 model.metadata.empty() ? metadata : model.metadata);
  for (const auto& callback : callbacks_) callback->on_checkpoint(*this, snapshot);

  StateParts states;
  for (const auto& parts : {steering(), training()})
    for (const Part& part : parts) {
      StateRecord record = save_state(part.state);
      if (!part.optional || record.json != "{}") states[part.name] = std::move(record);
    }
  const EpochProgress& epoch = trainer_->epoch_progress();
  CheckpointAbout about{.epoch = trainer_->epochs_done(),
                        .batch = epoch.batches,
                        .step = trainer_->optimizer().applied_steps(),
                        .samples = samples_seen_ + epoch.samples,
                        .ended = ended,
                        .metrics = metrics,
                        .environment = environment(),
                        .logs = log_->sizes(),
                        .config = config::to_yaml(config_)};
  about.environment["device"] = name_of(trainer_->device());
  TensorMap tensors;
  snapshot.add(kTrainerStateFile, trainer_state_text(about, states, tensors));
  states.clear();
  snapshot.add(kOptimizerFile, std::move(tensors));
  for (const auto& [name, bytes] : about.logs)
    if (bytes > 0) snapshot.after(folder_->file(name));
  checkpoints_->save(std::move(snapshot), about.step, metrics);
  saved_place_ = place();
}

std::optional<fs::path> Orchestrator::last_checkpoint() {
  if (!checkpoints_ || !checkpoints_->any_good()) return std::nullopt;
  return folder_->file("checkpoints/last");
}

void Orchestrator::restore_steering() {
  const CheckpointReader& from = *resume_.from;
  for (const NamedModel& model : trainer_->models())
    load(*model.module, from.file(model.name + ".safetensors"));
  for (const Part& part : steering())
    if (!part.optional || from.has(part.name))
      load_state(part.state, from.part(part.name), "resume: " + part.name);
}

namespace {

// A schedule of another kind, which resume_override allows, begins without what the one before has observed.
StateRecord with_schedule(const StateRecord& trainer, optim::Schedule& schedule) {
  auto json = nlohmann::ordered_json::parse(trainer.json);
  json["schedule"] = nlohmann::ordered_json::parse(save_state(schedule).json);
  return {json.dump(), trainer.tensors};
}

}  // namespace

void Orchestrator::restore_training() {
  const std::shared_ptr<const CheckpointReader> from = resume_.from;
  const CheckpointAbout& about = from->about();
  const std::string source = from->file(kTrainerStateFile);
  const RunConfig before = config::load_text<RunConfig>(about.config, source).value;
  const bool other_schedule = before.scheduler.name() != config_.scheduler.name();
  for (const Part& part : training()) {
    if (part.optional && !from->has(part.name)) continue;
    StateRecord record = from->part(part.name);
    if (part.name == "trainer" && other_schedule)
      record = with_schedule(record, *trainer_->schedule());
    load_state(part.state, record, "resume: " + part.name);
  }
  if (!end_reason_.empty()) ending_.request_stop();
  const bool goes_on = !resume_.folder.empty();
  log_->restore(about.logs,
                goes_on ? fs::path() : fs::canonical(from->folder()).parent_path().parent_path());
  saved_place_ = goes_on ? place() : saved_place_;

  log_info("resume: going on from {}: {} steps, {} epochs and {} batches are done",
           from->folder().string(), about.step, about.epoch, about.batch);
  if (!about.ended.empty()) log_info("resume: that run has ended ({})", about.ended);
  std::map<std::string, std::string> here = environment();
  here["device"] = name_of(trainer_->device());
  if (const std::string changes = not_bit_exact(about.environment, here); !changes.empty())
    log_warning("resume: not bit-exact, because the run goes on elsewhere than it was: {}",
                changes);
}

}  // namespace weft::train
