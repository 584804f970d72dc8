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
#include "weft/train/step/precision.h"
#include "weft/train/strategies/strategy.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {

struct RunSection {
  i64 seed = 0;
  std::string device = "auto";
  bool deterministic = false;
  bool autotune = false;
  bool atomics = false;
  i64 threads = 0;  // 0: as many as the machine gives
  std::string dir;  // "": runs/<config>/<date>-<time>
};

struct DataSection {
  i64 subset = 0;  // 0: all
  double validation_split = 0;
  std::string normalize = "dataset";
  i64 workers = 1;
  std::string on_device = "auto";
};

struct PretrainedSection {
  std::string path;
  std::vector<std::string> exclude;
};
struct ModelSection {
  std::optional<PretrainedSection> pretrained;
};

struct SchedulerSection {
  std::string on_rebuild = "continue";
};

struct TrainSection {
  i64 epochs = 10;
  i64 batch_size = 64;
  double clip_norm = 0;
  double clip_value = 0;
  i64 accumulate = 1;
  std::string out_of_memory = "error";
  i64 max_steps = 0;
  i64 overfit_batches = 0;
  bool capture = false;
};

struct ValidationSection {
  Duration every = "1ep";
  std::vector<std::string> metrics;
};

void describe(Fields& f, RunSection& o);
void describe(Fields& f, DataSection& o);
void describe(Fields& f, PretrainedSection& o);
void describe(Fields& f, ModelSection& o);
void describe(Fields& f, SchedulerSection& o);
void describe(Fields& f, TrainSection& o);
void describe(Fields& f, ValidationSection& o);

struct RunConfig {
  RunSection run;
  RecipeWith<data::Dataset, DataSection> data;
  RecipeWith<nn::Model, ModelSection> model;
  // The name of a loss: it and its metrics are the defaults of `loss` and `validation.metrics`.
  std::optional<std::string> task;
  LossRecipe loss = classification();
  TrainerRecipe trainer = standard();
  optim::OptimizerRecipe optimizer = optim::adamw();
  RecipeWith<optim::Schedule, SchedulerSection> scheduler = optim::constant();
  std::optional<StrategyRecipe> strategy;
  PrecisionRecipe precision = fp32();
  TrainSection train;
  ValidationSection validation;
  CheckpointOptions checkpoint;
  std::string resume = "never";
  std::vector<std::string> resume_override;
  std::vector<CallbackRecipe> callbacks;
};

void describe(Fields& f, RunConfig& o);

}  // namespace weft::train
