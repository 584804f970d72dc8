// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/orchestrator.h"

#include <algorithm>
#include <utility>

#include "weft/core/nearest.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/subset.h"
#include "weft/nn/serialize.h"
#include "weft/tensor/random.h"
#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/metrics/monitor_modes.h"
#include "weft/train/run/data_digest.h"
#include "weft/train/run/run_models.h"
#include "weft/train/run/run_plugins.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

// The normalisation and the class names of the data that the run began with.
ModelMetadata saved_metadata(const CheckpointReader& from) {
  const std::string file = from.file(kModelFile);
  return read_model_metadata(file, read_safetensors_metadata(file));
}

// The name of the loss that fits the targets.
const char* task_of(const data::DatasetInfo& info) {
  if (!info.has_labels()) return "regression";
  return info.target.rank() > 0 ? "language_modelling" : "classification";
}

// Throws UserError for a factor of the learning rate that is not finite, before anything is
// written. Of a long run, this looks at some steps, the last one among them.
void check_schedules(const Optimizers& optimizers) {
  constexpr i64 kMost = 4096;
  const i64 last = std::max<i64>(optimizers.length().steps - 1, 0);
  const i64 count = std::min(last, kMost);
  for (const ScheduledOptimizer& each : optimizers.all())
    for (i64 i = 0; i <= count; ++i)
      each.rates(last <= kMost ? i : i == count ? last : i * (last / count), 1);
}

}  // namespace

nn::AnyModule build_model(const RunConfig& config, const data::DatasetInfo& info) {
  const std::unique_ptr<Loss> loss = config.objective.loss.make();
  manual_seed(static_cast<u64>(config.run.seed));
  nn::AnyModule model =
      config.model.recipe.make(nn::ModelInput{info.sample, loss->outputs(info), info.has_tokens()});
  load_pretrained(*model, config.model.common, "model");
  model->to(device_named(config.run.device));
  model->name_paths();
  return model;
}

class Orchestrator::TrainerLog final : public TrainerObserver {
 public:
  TrainerLog(Orchestrator& run, const Duration& every) : run_(run) {
    const i64 of_epoch = run.trainer().optimizers().length().steps_per_epoch;
    if (!every.is_zero()) every_ = std::max<i64>(1, every.steps(of_epoch));
  }
  void on_rebuild(Trainer& trainer, const optim::RebuildReport& report) override {
    if (MetricsLog* log = run_.metrics_log())
      log->add_rebuild(trainer.progress().epochs_done, trainer.optimizer().applied_steps(), report);
  }

  // A skipped step has the number of the applied one before it, and is not logged.
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override {
    if (every_ == 0 || !outcome.applied || trainer.optimizer().applied_steps() % every_ != 0)
      return;
    if (MetricsLog* log = run_.metrics_log()) log->add_step(trainer);
  }

 private:
  Orchestrator& run_;
  i64 every_ = 0;  // steps; 0: never
};

Orchestrator::Orchestrator(const RunConfig& config, std::string name,
                           std::vector<std::string> overrides, dist::ProcessGroup* group)
    : config_(config), origin_{std::move(name), std::move(overrides)} {
  control_.ranks = RunRanks(group);
  set_monitor_modes(section_ref(config_));
  config_.strategy = unchained(config_.strategy);
  config_.run.plugins = plugin_records();
  find_checkpoint();
  ranks().together("the set-up", [this] { set_up(); });
  ranks().check_device(trainer_->optimizers().device());
  if (!ranks().alone()) ranks().check_lines("data", digest_of(data()));
  if (!resume_.from) ranks().check_equal(trainer_->models());
}

// Rank 0 decides where the run goes on.
void Orchestrator::find_checkpoint() {
  ranks().together("the search for a checkpoint", [this] {
    check_text(config_);
    check_fits_ranks(config_, ranks().size());
    if (ranks().is_first()) resume_ = find_resume(config_);
  });
  if (ranks().alone()) return;
  const std::string found = ranks().from_first(text_of(resume_));
  ranks().together("opening the checkpoint", [&] {
    if (!ranks().is_first()) resume_ = opened_resume(found);
  });
}

void Orchestrator::set_up() {
  check_metric_names("train.metrics", config_.train.metrics);
  check_metric_names("validation.metrics", config_.validation.metrics);
  std::optional<data::Normalization> normalization;
  std::optional<std::string> place;
  SavedNames names;
  if (resume_.from) {
    const ModelMetadata model = saved_metadata(*resume_.from);
    normalization = model.normalization;
    names = {model.class_names, model.input_names};
    if (const std::string& saved = resume_.from->about().data_place; !saved.empty()) place = saved;
  }
  input_.data = load_data(config_, normalization, place, names);
  set_up_stream();
  if (std::exchange(config_.objective.by_data, false))
    config_.objective.loss.choose(task_of(data().train->info()));
  set_up_trainer();
  try_one_batch();
  set_up_triggers();
  set_up_hooks();
}

void Orchestrator::set_up_trainer() {
  RunConfig begin = config_;
  if (resume_.from) begin.model.common.pretrained.reset();  // its weights are in the checkpoint
  model_ = build_model(begin, data().train->info());
  TrainerOptions options = config_.trainer_options();
  options.normalization = data().normalization;
  options.epochs = epochs();
  options.ranks.group = ranks().group();
  options.ranks.ask = [this] { return asked(); };
  FurtherModels models = further_models(config_, data(), resume_.from != nullptr);
  trainer_ = config_.trainer.make(
      TrainerContext{.model = **model_,
                     .loss = config_.objective.loss,
                     .options = options,
                     .data = data().train->info(),
                     .checkpoint = resume_.from ? resume_.from->folder().string() : "",
                     .models = &models});
  WEFT_CHECK(models.empty(),
             "models.{}: trainer '{}' takes no model of this name; one that it takes is required",
             models.begin()->first, config_.trainer.name());
  std::optional<data::Loader> probe;
  if (ranks().alone() && !config_.train.metrics.empty()) probe.emplace(loader_of_first(2));
  set_metrics(*trainer_, config_.train.metrics, probe ? &*probe : nullptr);
  EvaluatorOptions evaluation{.metrics = config_.validation.metrics,
                              .precision = config_.precision,
                              .normalization = data().normalization,
                              .outputs = outputs_of(*trainer_)};
  if (!ranks().alone())
    evaluation.sum_over_ranks = [this](const Tensor& x) { ranks().sum(x, "an evaluation"); };
  evaluator_ = std::make_unique<Evaluator>(**model_, trainer_->shared_loss(), evaluation);
}

void Orchestrator::set_up_stream() {
  const data::StreamDataset* stream = data::as_stream(*data().train);
  if (stream == nullptr) return;
  WEFT_CHECK(!resume_.from || !resume_.folder.empty(),
             "resume: a run with data.type: stream goes on in its own folder, where its records "
             "are; resume=auto with its run.dir is required");
  input_.stream = std::make_unique<RunStream>(*stream);
}

i64 Orchestrator::epochs() const {
  const data::StreamDataset* stream = data::as_stream(*data().train);
  if (stream == nullptr) return config_.train.epochs;
  const i64 steps = stream->options().epoch_steps;
  return (config_.train.max_steps + steps - 1) / steps;
}

void Orchestrator::set_up_triggers() {
  input_.loader = loader_for(data().train, true);
  check_targets(*trainer_->shared_loss(), *input_.loader);
  MetricSet(config_.train.metrics).check_training(*input_.loader, *trainer_->shared_loss());
  trainer_->set_epoch_length(input_.loader->batches_per_epoch());
  check_schedules(trainer_->optimizers());
  const i64 steps = trainer_->optimizers().length().steps_per_epoch;
  validation_.emplace("validation.every", config_.validation.every, steps);
  saves_.emplace("checkpoint.every", config_.checkpoint.every, steps);
  for (const ScheduledOptimizer& each : trainer_->optimizers().all())
    if (const std::string metric = each.schedule->monitor(); !metric.empty())
      check_monitor(each.name == "optimizer" ? "scheduler.monitor" : each.name + ": monitor",
                    metric);
  // Without validation data nothing is monitored, and the newest checkpoint is the best.
  if (data().validation != nullptr) check_monitor("checkpoint.monitor", config_.checkpoint.monitor);
}

void Orchestrator::set_up_hooks() {
  for (std::size_t i = 0; i < config_.strategy.size(); ++i) {
    const StrategyRecipe& recipe = config_.strategy[i];
    if (!recipe.enabled()) continue;
    std::unique_ptr<Strategy> strategy = recipe.make();
    strategy->on_setup(*trainer_);
    trainer_->add_observer(*strategy);
    hooks_.add(std::move(strategy), fmt::format("{}.{}", i, recipe.name()));
  }
  for (std::size_t i = 0; i < config_.callbacks.size(); ++i) {
    const CallbackRecipe& recipe = config_.callbacks[i];
    if (!recipe.enabled()) continue;
    std::shared_ptr<Callback> callback = recipe.make();
    callback->on_setup(*this);
    trainer_->add_observer(*callback);
    hooks_.add(std::move(callback), fmt::format("callbacks.{}.{}", i, recipe.name()));
  }
  output_.log = MetricsLog(config_.run.loggers, config_.run.system_every.amount());
  output_.log.watch(*trainer_);
  trainer_log_ = std::make_unique<TrainerLog>(*this, config_.run.log_every);
  trainer_->add_observer(*trainer_log_);
}

void Orchestrator::add_callback(std::shared_ptr<Callback> callback) {
  callback->on_setup(*this);
  trainer_->add_observer(*callback);
  hooks_.add(std::move(callback), "");
}

void Orchestrator::stop(std::string reason) {
  if (progress_.end_reason.empty())
    progress_.end_reason = reason.empty() ? "by a callback" : std::move(reason);
  control_.ending.request_stop();
}

void Orchestrator::check_monitor(const std::string& key, const std::string& metric) const {
  std::vector<std::string> known{"train/loss"};
  const auto add = [&](const std::string& name, bool is_table) {
    if (!is_table) known.push_back(name);
    WEFT_CHECK(!is_table || metric != name,
               "{}: '{}' is a table; a metric that is one number is required", key, metric);
  };
  const MetricSet of_training(config_.train.metrics);
  for (const std::string& name : of_training.names())
    add("train/" + name, of_training.is_table(name));
  if (data().validation != nullptr) {
    known.emplace_back("validation/loss");
    for (const std::string& name : evaluator_->metric_names())
      add("validation/" + name, evaluator_->is_table(name));
  }
  WEFT_CHECK(std::find(known.begin(), known.end(), metric) != known.end(),
             "{}: '{}' is not measured by this run{}; known: {}", key, metric,
             data().validation == nullptr ? ", which holds no validation data out" : "",
             listed(known));
}

Orchestrator::~Orchestrator() = default;

data::Loader Orchestrator::loader_for(const std::shared_ptr<const data::Dataset>& dataset,
                                      bool training, const std::vector<i64>& only) const {
  // Index batches need no worker threads.
  const bool resident = data::as_resident(*dataset) != nullptr;
  const DataOptions& options = config_.data.common;
  data::LoaderOptions wanted{.batch_size = std::min<i64>(dataset->size(), 256),
                             .seed = static_cast<u64>(config_.run.seed),
                             .workers = resident ? 0 : options.workers,
                             .bad_samples = options.bad_samples,
                             .part = ranks().part()};
  if (training) {
    wanted.batch_size = config_.train.batch_size;
    wanted.sampler = input_.stream ? data::SamplerRecipe::of("stream") : options.sampler;
    wanted.drop_last = options.drop_last;
    wanted.augment = options.augment;
    if (options.mix) wanted.mix = *options.mix;
  }
  if (!only.empty()) {
    wanted.batch_size = std::min<i64>(std::ssize(only), wanted.batch_size);
    wanted.sampler = data::subset({.indices = only});
  }
  return {dataset, wanted};
}

// Runs one small batch through model and loss. Shapes, classes, dtypes and metrics that do not fit
// are found before anything is written.
void Orchestrator::try_one_batch() {
  const auto names = [this](const char* split, const Evaluation& result) {
    for (const auto& [name, value] : result.metrics) output_.metric_names.insert(split + name);
  };
  output_.metric_names = {"train/loss"};
  const Evaluation result = evaluation_of_first(2, config_.validation.metrics);
  // On resume, pretrained weights are not read again, and the initial ones are not known.
  const bool initial = !resume_.from || !config_.model.common.pretrained;
  if (initial && data::as_stream(*data().train) == nullptr)
    input_.first_loss = {result.loss, result.samples};
  if (data().validation != nullptr) names("validation/", result);
  if (!config_.train.metrics.empty())
    names("train/", evaluation_of_first(2, config_.train.metrics));
  if (!data().validation_subset.empty()) output_.metric_names.insert("validation_samples");
  model_metadata();  // what it names must be text
}

data::Loader Orchestrator::loader_of_first(i64 samples) const {
  const data::StreamDataset* stream = data::as_stream(*data().train);
  const std::shared_ptr<const data::Dataset> all = stream ? stream->example() : data().train;
  const std::shared_ptr<const data::Dataset> few =
      data::first_samples(all, std::min(samples, all->size()));
  return {
      few,
      {.batch_size = few->size(), .workers = 0, .bad_samples = config_.data.common.bad_samples}};
}

Evaluation Orchestrator::evaluation_of_first(i64 samples, const std::vector<std::string>& metrics) {
  data::Loader loader = loader_of_first(samples);
  return Evaluator(**model_, trainer_->shared_loss(),
                   {.metrics = metrics,
                    .precision = config_.precision,
                    .normalization = data().normalization,
                    .outputs = outputs_of(*trainer_)})
      .evaluate(loader);
}

double Orchestrator::loss_of_first(i64 samples) {
  return evaluation_of_first(samples, config_.validation.metrics).loss;
}

}  // namespace weft::train
