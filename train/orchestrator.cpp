// SPDX-License-Identifier: Apache-2.0
#include "weft/train/orchestrator.h"

#include <chrono>

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

// Validation and checkpoints happen between epochs.
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

Orchestrator::Orchestrator(const RunConfig& config, std::string name,
                           std::vector<std::string> overrides)
    : config_(config), name_(std::move(name)), overrides_(std::move(overrides)) {
  validate_every_ = in_epochs("validation.every", config_.validation.every);
  save_every_ = in_epochs("checkpoint.every", config_.checkpoint.every);
  if (config_.run.threads > 0) set_threads(static_cast<int>(config_.run.threads));
  data_ = load_data(config_);
  model_ = build_model(config_, data_.train->info());
  trainer_ = std::make_unique<Trainer>(**model_, config_.loss,
                                       TrainerOptions{.optimizer = config_.optimizer,
                                                      .scheduler = config_.scheduler,
                                                      .epochs = config_.train.epochs,
                                                      .accumulate = config_.train.accumulate,
                                                      .clip_norm = config_.train.clip_norm,
                                                      .max_steps = config_.train.max_steps,
                                                      .normalization = data_.normalization,
                                                      .seed = static_cast<u64>(config_.run.seed)});
  evaluator_ = std::make_unique<Evaluator>(**model_, config_.loss,
                                           EvaluatorOptions{.metrics = config_.validation.metrics,
                                                            .normalization = data_.normalization});
  try_one_batch();
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

RunReport Orchestrator::train(std::stop_token stop) {
  open_folder();
  const double start = now();
  RunReport report{.folder = folder_->path().string()};
  for (const auto& callback : callbacks_) callback->on_train_begin(*this);

  data::Loader loader = loader_for(data_.train, true);
  trainer_->set_stop_token(stop);
  for (i64 epoch = 0; epoch < config_.train.epochs && !report.stopped; ++epoch) {
    trainer_->on_progress([&](const Progress& progress) {
      for (const auto& callback : callbacks_) callback->on_progress(epoch + 1, progress);
    });
    loader.set_epoch(epoch);
    const EpochResult result = trainer_->train_one_epoch(loader);
    samples_seen_ += result.samples;
    report.stopped = stop.stop_requested();
    const bool last = epoch + 1 == config_.train.epochs || report.stopped || !result.complete;
    const bool validate = data_.validation != nullptr && !report.stopped &&
                          (last || (epoch + 1) % validate_every_ == 0);
    const EpochReport epoch_report = finish_epoch(result, now() - start, validate);
    if (last || (epoch + 1) % save_every_ == 0) checkpoints_->save(**model_, epoch_report);
    for (const auto& callback : callbacks_) callback->on_epoch_end(epoch_report);
    report.epochs = trainer_->epochs_done();
    if (!result.complete) break;
  }
  report.steps = trainer_->optimizer().applied_steps();
  if (data_.test != nullptr && !report.stopped) {
    report.test = test();
    log_->add_test(report.steps, *report.test);
  }
  report.seconds = now() - start;
  for (const auto& callback : callbacks_) callback->on_train_end(report);
  return report;
}

EpochReport Orchestrator::finish_epoch(const EpochResult& result, double seconds,
                                       bool validate_now) {
  EpochReport report{.train = result,
                     .epochs = config_.train.epochs,
                     .step = trainer_->optimizer().applied_steps(),
                     .samples_seen = samples_seen_,
                     .seconds = seconds,
                     .metrics = {{"train/loss", result.loss}}};
  if (validate_now)
    for (const auto& [name, value] : validate().metrics)
      report.metrics["validation/" + name] = value;
  if (optim::Schedule* schedule = trainer_->schedule();
      schedule != nullptr && !schedule->monitor().empty()) {
    const auto found = report.metrics.find(schedule->monitor());
    if (found != report.metrics.end()) schedule->observe(found->second);
  }
  log_->add(report);
  return report;
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
