// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/orchestrator.h"

#include <algorithm>
#include <cmath>

#include "weft/core/nearest.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/subset.h"
#include "weft/device/parallel.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/library/matmul_plans.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

// A duration as whole epochs, or else as optimizer steps; the other is 0.
struct Every {
  i64 epochs = 0, steps = 0;
};
Every every_of(const char* key, const Duration& every, i64 steps_per_epoch) {
  WEFT_CHECK(!every.is_zero(), "{}: 0 given; a duration above 0 is required", key);
  if (every.in_epochs() && every.amount() == std::floor(every.amount()))
    return {.epochs = static_cast<i64>(every.amount())};
  return {.steps = std::max<i64>(1, every.steps(steps_per_epoch))};
}

// Of the data that a run began with.
data::Normalization saved_normalization(const CheckpointReader& from) {
  const std::string file = from.file(kModelFile);
  return read_model_metadata(file, read_safetensors_metadata(file)).normalization;
}

}  // namespace

nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info) {
  const std::unique_ptr<Loss> loss = config.loss.make();
  manual_seed(static_cast<u64>(config.run.seed));
  nn::AnyModule model = config.model.recipe.make(nn::ModelInput{info.sample, loss->outputs(info)});
  if (config.model.common.pretrained) {
    const PretrainedOptions& pretrained = *config.model.common.pretrained;
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
  // Where this step may be the one to validate at.
  bool needs_outcome(const Trainer& trainer) const override {
    const i64 every = run_.validate_steps_, known = trainer.optimizer().applied_steps();
    return every > 0 && (known / every + 1) * every <= known + trainer.steps_in_flight();
  }
  void on_step_settled(Trainer&) override { run_.step_settled(); }
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
  if (config_.run.threads > 0) set_threads(static_cast<int>(config_.run.threads));
  kernels::set_matmul_autotune(config_.run.autotune);
  kernels::embedding_atomics = config_.run.atomics;
  resume_ = find_resume(config_);
  data_ = load_data(
      config_, resume_.from ? std::optional(saved_normalization(*resume_.from)) : std::nullopt);
  RunConfig begin = config_;
  if (resume_.from) begin.model.common.pretrained.reset();  // its weights are in the checkpoint
  model_ = build_model(begin, data_.train->info());
  TrainerOptions options = config_.trainer_options();
  options.normalization = data_.normalization;
  trainer_ = config_.trainer.make(
      TrainerContext{.model = **model_,
                     .loss = config_.loss,
                     .options = options,
                     .data = data_.train->info(),
                     .checkpoint = resume_.from ? resume_.from->folder().string() : ""});
  evaluator_ = std::make_unique<Evaluator>(**model_, config_.loss,
                                           EvaluatorOptions{.metrics = config_.validation.metrics,
                                                            .precision = config_.precision,
                                                            .normalization = data_.normalization});
  try_one_batch();
  set_up_times();
  set_up_steering();
}

// When to validate and to save.
void Orchestrator::set_up_times() {
  loader_ = loader_for(data_.train, true);
  trainer_->set_epoch_length(loader_->batches_per_epoch());
  const i64 steps = trainer_->steps_per_epoch();
  const Every validation = every_of("validation.every", config_.validation.every, steps);
  validate_epochs_ = std::max<i64>(1, validation.epochs);
  validate_steps_ = data_.validation == nullptr ? 0 : validation.steps;
  const Every saves = every_of("checkpoint.every", config_.checkpoint.every, steps);
  save_epochs_ = saves.epochs;
  save_steps_ = saves.steps;
  for (const ScheduledOptimizer& each : trainer_->optimizers())
    if (const std::string metric = each.schedule->monitor(); !metric.empty())
      check_monitor(each.name == "optimizer" ? "scheduler.monitor" : each.name + ": monitor",
                    metric);
  // Without validation data there is nothing to monitor, and the newest is the best.
  if (data_.validation != nullptr) check_monitor("checkpoint.monitor", config_.checkpoint.monitor);
}

void Orchestrator::set_up_steering() {
  if (const StrategyRecipe chosen = as_one(config_.strategy)) {
    strategy_ = chosen.make();
    strategy_->on_setup(*trainer_);
    trainer_->add_observer(*strategy_);
  }
  for (std::size_t i = 0; i < config_.callbacks.size(); ++i)
    if (const CallbackRecipe& recipe = config_.callbacks[i]; recipe.enabled())
      add_callback(recipe.make(), fmt::format("callbacks.{}.{}", i, recipe.name()));
  steps_ = std::make_unique<Steps>(*this);
  trainer_->add_observer(*steps_);
}

void Orchestrator::add_callback(std::shared_ptr<Callback> callback) {
  const auto added = std::count_if(callback_names_.begin(), callback_names_.end(), is_added);
  add_callback(std::move(callback), fmt::format("added.{}", added));
}

void Orchestrator::add_callback(std::shared_ptr<Callback> callback, std::string name) {
  callback->on_setup(*this);
  trainer_->add_observer(*callback);
  callbacks_.push_back(std::move(callback));
  callback_names_.push_back(std::move(name));
}

void Orchestrator::stop(std::string reason) {
  if (end_reason_.empty()) end_reason_ = reason.empty() ? "by a callback" : std::move(reason);
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
  // Numbers of samples are at hand at once.
  const bool resident = data::as_resident(*dataset) != nullptr;
  return {dataset,
          {.batch_size = training ? config_.train.batch_size : std::min<i64>(dataset->size(), 256),
           .shuffle = training,
           .seed = static_cast<u64>(config_.run.seed),
           .workers = resident ? 0 : config_.data.common.workers}};
}

// One small batch through model and loss: shapes, classes and dtypes that do not fit are found before
// anything is written.
void Orchestrator::try_one_batch() {
  const std::shared_ptr<const data::Dataset> few =
      data::first_samples(data_.train, std::min<i64>(2, data_.train->size()));
  data::Loader loader(few, {.batch_size = few->size(), .workers = 0});
  Evaluator(**model_, config_.loss,
            {.metrics = config_.validation.metrics,
             .precision = config_.precision,
             .normalization = data_.normalization})
      .evaluate(loader);
}

Evaluation Orchestrator::validate() {
  WEFT_CHECK(data_.validation != nullptr,
             "validate: no samples were held out; set data.validation_split above 0");
  data::Loader loader =
      loader_for(placed_.validation ? placed_.validation : data_.validation, false);
  return evaluator_->evaluate(loader);
}

Evaluation Orchestrator::test() {
  WEFT_CHECK(data_.test != nullptr, "test: {} has no test split", data_.train->info().name);
  data::Loader loader = loader_for(data_.test, false);
  return evaluator_->evaluate(loader);
}

}  // namespace weft::train
