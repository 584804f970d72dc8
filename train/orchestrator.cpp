// SPDX-License-Identifier: Apache-2.0
#include "weft/train/orchestrator.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "weft/core/log.h"
#include "weft/core/nearest.h"
#include "weft/data/subset.h"
#include "weft/device/parallel.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/train/config/config.h"
#include "weft/train/environment.h"
#include "weft/train/model_card.h"

namespace weft::train {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Checkpoints are made between epochs.
i64 in_epochs(const char* key, const Duration& every) {
  const i64 epochs = static_cast<i64>(every.amount());
  WEFT_CHECK(every.in_epochs() && epochs >= 1 && static_cast<double>(epochs) == every.amount(),
             "{}: {} given; a whole number of epochs is required, such as 1ep", key,
             every.to_string());
  return epochs;
}

}  // namespace

nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info) {
  const std::unique_ptr<Loss> loss = config.loss.make();
  manual_seed(static_cast<u64>(config.run.seed));
  nn::AnyModule model = config.model.recipe.make(nn::ModelInput{info.sample, loss->outputs(info)});
  if (config.model.common.pretrained) {
    const PretrainedSection& pretrained = *config.model.common.pretrained;
    load(*model, pretrained.path, {.exclude = pretrained.exclude});
  }
  model->to(device_named(config.run.device));
  model->name_paths();
  return model;
}

// Between the steps of an epoch.
class Orchestrator::Steps final : public TrainerObserver {
 public:
  explicit Steps(Orchestrator& run) : run_(run) {}
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    if (run_.validate_steps_ > 0 && outcome.applied &&
        trainer.optimizer().applied_steps() % run_.validate_steps_ == 0)
      run_.validate_now();
  }
  void on_rebuild(Trainer& trainer, const optim::RebuildReport& report) override {
    if (run_.log_)
      run_.log_->add_rebuild(trainer.epochs_done(), trainer.optimizer().applied_steps(), report);
  }

 private:
  Orchestrator& run_;
};

Orchestrator::Orchestrator(const RunConfig& config, std::string name,
                           std::vector<std::string> overrides)
    : config_(config), name_(std::move(name)), overrides_(std::move(overrides)) {
  save_every_ = in_epochs("checkpoint.every", config_.checkpoint.every);
  if (config_.run.threads > 0) set_threads(static_cast<int>(config_.run.threads));
  data_ = load_data(config_);
  model_ = build_model(config_, data_.train->info());
  trainer_ =
      std::make_unique<Trainer>(**model_, config_.loss,
                                TrainerOptions{.optimizer = config_.optimizer,
                                               .scheduler = config_.scheduler.recipe,
                                               .on_rebuild = config_.scheduler.common.on_rebuild,
                                               .epochs = config_.train.epochs,
                                               .accumulate = config_.train.accumulate,
                                               .clip_norm = config_.train.clip_norm,
                                               .clip_value = config_.train.clip_value,
                                               .max_steps = config_.train.max_steps,
                                               .normalization = data_.normalization,
                                               .seed = static_cast<u64>(config_.run.seed)});
  evaluator_ = std::make_unique<Evaluator>(**model_, config_.loss,
                                           EvaluatorOptions{.metrics = config_.validation.metrics,
                                                            .normalization = data_.normalization});
  try_one_batch();
  set_up_steering();
}

// Strategy, callbacks, and when to validate.
void Orchestrator::set_up_steering() {
  trainer_->set_epoch_length(loader_for(data_.train, true).batches_per_epoch());
  const Duration& every = config_.validation.every;
  WEFT_CHECK(!every.is_zero(), "validation.every: 0 given; a duration above 0 is required");
  const bool whole_epochs = every.in_epochs() && every.amount() == std::floor(every.amount());
  validate_epochs_ = whole_epochs ? static_cast<i64>(every.amount()) : 1;
  validate_steps_ = whole_epochs || data_.validation == nullptr
                        ? 0
                        : std::max<i64>(1, every.steps(trainer_->steps_per_epoch()));
  if (const std::string metric = trainer_->schedule()->monitor(); !metric.empty())
    check_monitor("scheduler.monitor", metric);
  if (config_.strategy) {
    strategy_ = config_.strategy->make();
    strategy_->on_setup(*trainer_);
    trainer_->add_observer(*strategy_);
  }
  for (const CallbackRecipe& recipe : config_.callbacks) add_callback(recipe.make());
  steps_ = std::make_unique<Steps>(*this);
  trainer_->add_observer(*steps_);
}

void Orchestrator::add_callback(std::shared_ptr<Callback> callback) {
  callback->on_setup(*this);
  trainer_->add_observer(*callback);
  callbacks_.push_back(std::move(callback));
}

void Orchestrator::stop(std::string reason) {
  if (end_reason_.empty()) end_reason_ = std::move(reason);
  ending_.request_stop();
}

void Orchestrator::check_monitor(const std::string& key, const std::string& metric) const {
  std::vector<std::string> known{"train/loss"};
  if (data_.validation != nullptr) {
    known.emplace_back("validation/loss");
    for (const std::string& name : evaluator_->metric_names())
      known.push_back("validation/" + name);
  }
  WEFT_CHECK(std::find(known.begin(), known.end(), metric) != known.end(),
             "{}: '{}' is not measured by this run{}; known: {}", key, metric,
             data_.validation == nullptr ? ", which holds no validation data out" : "",
             listed(known));
}

Orchestrator::~Orchestrator() = default;

data::Loader Orchestrator::loader_for(const std::shared_ptr<const data::Dataset>& dataset,
                                      bool training) const {
  return {dataset,
          {.batch_size = training ? config_.train.batch_size : std::min<i64>(dataset->size(), 256),
           .shuffle = training,
           .seed = static_cast<u64>(config_.run.seed),
           .workers = config_.data.common.workers}};
}

// One small batch through model and loss: shapes, classes and dtypes that do not fit are found before
// anything is written.
void Orchestrator::try_one_batch() {
  const std::shared_ptr<const data::Dataset> few =
      data::first_samples(data_.train, std::min<i64>(2, data_.train->size()));
  data::Loader loader(few, {.batch_size = few->size(), .workers = 0});
  Evaluator(**model_, config_.loss, {.normalization = data_.normalization}).evaluate(loader);
}

void Orchestrator::open_folder() {
  folder_ = RunFolder::create(config_.run.dir, name_);
  folder_->write("config.yaml", config::to_yaml(config_));
  std::string lines;
  for (const std::string& line : overrides_) lines += line + "\n";
  folder_->write("overrides.txt", lines);
  folder_->write("environment.json", environment_json());
  log_.emplace(*folder_);
  checkpoints_.emplace(*folder_, config_.checkpoint,
                       model_card(config_, data_.train->info(), data_.normalization));
}

void Orchestrator::begin(std::stop_token stop) {
  open_folder();
  trainer_->set_stop_token(ending_.get_token());
  if (stop.stop_requested()) ending_.request_stop();
  for (const auto& callback : callbacks_) callback->on_train_begin(*this);
  if (strategy_) strategy_->on_train_begin(*trainer_);
}

RunReport Orchestrator::train(std::stop_token stop) {
  const double start = now();
  ending_ = std::stop_source();
  const std::stop_callback forward(stop, [this] { ending_.request_stop(); });
  begin(stop);
  RunReport report{.folder = folder_->path().string()};
  train_epochs(report, stop, start);
  report.steps = trainer_->optimizer().applied_steps();
  report.validation = validation_;
  report.ended_early = end_reason_;
  if (!end_reason_.empty()) log_info("run ended early: {}", end_reason_);
  if (data_.test != nullptr && !report.stopped) {
    report.test = test();
    log_->add_test(report.steps, *report.test);
  }
  report.seconds = now() - start;
  for (const auto& callback : callbacks_) callback->on_train_end(report);
  return report;
}

// The only epoch loop. A stop that comes between two epochs ends the next one at its first batch.
void Orchestrator::train_epochs(RunReport& report, std::stop_token stop, double start) {
  data::Loader loader = loader_for(data_.train, true);
  while (trainer_->epochs_done() < config_.train.epochs) {
    const std::optional<EpochResult> result = train_epoch(loader);
    if (!result) continue;
    samples_seen_ += result->samples;
    report.epochs = trainer_->epochs_done();
    const bool last =
        result->epoch == config_.train.epochs || !result->complete || ending_.stop_requested();
    const bool saves = last || result->epoch % save_every_ == 0;
    // A checkpoint wants its score, also where validation goes by steps.
    const bool due = last || (validate_steps_ > 0 ? saves : result->epoch % validate_epochs_ == 0);
    const EpochReport epoch_report = finish_epoch(
        *result, now() - start, data_.validation != nullptr && !stop.stop_requested() && due);
    if (strategy_) strategy_->on_epoch_end(*trainer_, *result);
    for (const auto& callback : callbacks_) callback->on_epoch_end(epoch_report);
    const bool ending = ending_.stop_requested();
    report.stopped = stop.stop_requested();
    if (saves || ending) save(epoch_report);
    if (!result->complete || ending) break;
  }
}

// Nothing when training failed and a callback put it right: the epoch starts again.
std::optional<EpochResult> Orchestrator::train_epoch(data::Loader& loader) {
  const i64 epoch = trainer_->epochs_done();
  if (strategy_) strategy_->on_epoch_begin(*trainer_, epoch);
  for (const auto& callback : callbacks_) callback->on_epoch_begin(*this, epoch);
  loader.set_epoch(epoch);
  try {
    return trainer_->train_one_epoch(loader);
  } catch (const TrainingError& error) {
    for (const auto& callback : callbacks_)
      if (callback->on_failure(*this, error)) return std::nullopt;
    throw;
  }
}

void Orchestrator::observe(const std::string& metric, double value) {
  if (trainer_->schedule()->monitor() == metric) trainer_->schedule()->observe(value);
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

EpochReport Orchestrator::finish_epoch(const EpochResult& result, double seconds,
                                       bool validate_here) {
  EpochReport report{.train = result,
                     .epochs = config_.train.epochs,
                     .step = trainer_->optimizer().applied_steps(),
                     .samples_seen = samples_seen_,
                     .seconds = seconds,
                     .metrics = {{"train/loss", result.loss}}};
  if (validate_here) validate_now();
  if (validated_at_ == report.step)
    for (const auto& [name, value] : validation_->metrics)
      report.metrics["validation/" + name] = value;
  if (validated_at_ == report.step)
    for (const auto& [name, table] : validation_->tables)
      report.tables["validation/" + name] = table;
  observe("train/loss", result.loss);
  log_->add(report);
  return report;
}

void Orchestrator::save(const EpochReport& report) {
  checkpoints_->save(**model_, report, [this](const std::filesystem::path& folder) {
    for (const auto& callback : callbacks_) callback->on_checkpoint(*this, folder);
  });
}

Evaluation Orchestrator::validate() {
  WEFT_CHECK(data_.validation != nullptr,
             "validate: no samples were held out; set data.validation_split above 0");
  data::Loader loader = loader_for(data_.validation, false);
  return evaluator_->evaluate(loader);
}

Evaluation Orchestrator::test() {
  WEFT_CHECK(data_.test != nullptr, "test: {} has no test split", data_.train->info().name);
  data::Loader loader = loader_for(data_.test, false);
  return evaluator_->evaluate(loader);
}

}  // namespace weft::train
