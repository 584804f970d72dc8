// SPDX-License-Identifier: Apache-2.0
// RunConfig: all that a run is made from, one struct per section of its YAML. Each section's describe()
// is what parses, checks, prints and documents it.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/core/duration.h"
#include "weft/core/registry.h"
#include "weft/data/sources.h"
#include "weft/nn/models/models.h"
#include "weft/optim/adam.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"
#include "weft/train/run/callback.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/losses/loss.h"
#include "weft/train/metrics/metric.h"
#include "weft/train/run/run_data.h"
#include "weft/train/step/precision.h"
#include "weft/train/strategies/strategy.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {

struct RunOptions {
  i64 seed = 0;
  std::string device = "auto";
  bool deterministic = false;
  bool autotune = false;
  bool atomics = false;
  i64 threads = 0;  // 0: as many as the machine gives
  std::string dir;  // "": runs/<config>/<date>-<time>
};

struct PretrainedOptions {
  std::string path;
  std::vector<std::string> exclude;
};
struct ModelOptions {
  std::optional<PretrainedOptions> pretrained;
};

struct SchedulerOptions {
  OnRebuild on_rebuild = OnRebuild::continue_;
};

// What the trainer is given, and what batches. What the sections optimizer, scheduler, precision and run say
// is not looked at here (RunConfig::trainer_options).
struct TrainSection : TrainerOptions {
  TrainSection() { epochs = 10; }
  i64 batch_size = 64;
  i64 overfit_batches = 0;
};

struct ValidationOptions {
  Duration every = "1ep";
  std::vector<std::string> metrics;
};

void describe(Fields& f, RunOptions& o);
void describe(Fields& f, PretrainedOptions& o);
void describe(Fields& f, ModelOptions& o);
void describe(Fields& f, SchedulerOptions& o);
void describe(Fields& f, TrainSection& o);
void describe(Fields& f, ValidationOptions& o);

struct RunConfig {
  RunOptions run;
  RecipeWith<data::Dataset, DataOptions> data;
  RecipeWith<nn::Model, ModelOptions> model;
  // The name of a loss: it and its metrics are the defaults of `loss` and `validation.metrics`.
  std::optional<std::string> task;
  LossRecipe loss = classification();
  TrainerRecipe trainer = standard();
  optim::OptimizerRecipe optimizer = optim::adamw();
  RecipeWith<optim::Schedule, SchedulerOptions> scheduler = optim::constant();
  std::vector<StrategyRecipe> strategy;  // each hook in this order
  PrecisionRecipe precision = fp32();
  TrainSection train;
  ValidationOptions validation;
  CheckpointOptions checkpoint;
  std::string resume = "never";
  std::vector<std::string> resume_override;
  std::vector<CallbackRecipe> callbacks;

  // `train` with what other sections say of the trainer; without a normalization, which the data gives.
  TrainerOptions trainer_options() const;
};

void describe(Fields& f, RunConfig& o);

}  // namespace weft::train
