// SPDX-License-Identifier: Apache-2.0
// RunConfig: the config of a run, with one struct per section of its YAML. The describe() of a
// section drives its parsing, checks, printing and help.
#pragma once
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weft/core/duration.h"
#include "weft/core/registry.h"
#include "weft/data/sources.h"
#include "weft/dist/backend.h"
#include "weft/kernels/library/conv2d_method.h"
#include "weft/nn/models/models.h"
#include "weft/optim/adam.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"
#include "weft/train/run/callback.h"
#include "weft/train/run/logger.h"
#include "weft/train/checkpoint/checkpoints.h"
#include "weft/train/losses/loss.h"
#include "weft/train/metrics/metric.h"
#include "weft/train/run/run_data.h"
#include "weft/train/step/precision.h"
#include "weft/train/strategies/strategy.h"
#include "weft/train/trainer/trainers.h"

namespace weft::train {

// The key `dist`. It matters only where a launcher started several processes (dist/launch.h). The
// group is not read here.
struct DistOptions : RankOptions {
  dist::BackendKind backend = dist::BackendKind::auto_;
  i64 timeout = 60;  // seconds that a rank may keep the others waiting in an exchange
  i64 port = 0;      // of rank 0's store; 0: by the launcher
};

// The keys of `run` that hold for the whole process.
struct ProcessOptions {
  i64 threads = 0;  // 0: all that the machine offers
  bool autotune = false;
  bool atomics = false;
  bool tf32 = false;
  kernels::ConvolutionMethod convolution{};
};

struct RunOptions : ProcessOptions {
  i64 seed = 0;
  std::string device = "auto";
  bool deterministic = false;
  Seconds system_every = {};  // between figures of the machine in metrics.jsonl; 0s: none
  std::string dir;            // "": runs/<config>/<date>-<time>
  Duration log_every = {};    // 0: no events of steps
  Duration print_every = "1ep";
  Seconds heartbeat = "30s";  // 0s: off
  // The key `plugins`: paths, or NAME@sha256:HASH (train/run/run_plugins.h).
  std::vector<std::string> plugins = {};
  // The key `loggers`, besides jsonl and csv.
  std::vector<LoggerRecipe> loggers = {};
  DistOptions dist = {};  // the key `dist`
};

// Sets them. A program calls it once, before it builds an Orchestrator. The Orchestrator does not,
// because a library must not change globals of the program that uses it.
void apply_to_process(const ProcessOptions& options);

struct PretrainedOptions {
  std::string path;
  std::vector<std::string> exclude;
};
struct ModelOptions {
  std::optional<PretrainedOptions> pretrained;
};

// A further model of a run, for a trainer of several.
struct FurtherModelOptions : ModelOptions {
  std::vector<i64> input = {};  // without the batch axis; empty: a sample
  i64 outputs = 0;              // 0: as many as the loss takes
};
struct FurtherOptimizerOptions {
  std::optional<optim::ScheduleRecipe> scheduler = {};  // constant
};

void describe(Fields& f, FurtherModelOptions& o);
void describe(Fields& f, FurtherOptimizerOptions& o);

struct SchedulerOptions {
  OnRebuild on_rebuild = OnRebuild::continue_;
};

// The options of the trainer and of the loop around it. The members with sections of their own
// (optimizer, scheduler, precision, seed) are not read here; RunConfig::trainer_options fills them.
struct TrainSection : TrainerOptions {
  TrainSection() { epochs = 10; }
  i64 batch_size = 64;
  i64 overfit_batches = 0;
  std::vector<std::string> metrics = {};  // of training batches, besides the loss
  // The keys `models` and `optimizers`, of a trainer of several models, by name. A model without an
  // optimizer is frozen.
  std::map<std::string, RecipeWith<nn::Model, FurtherModelOptions>> models = {};
  std::map<std::string, RecipeWith<optim::Optimizer, FurtherOptimizerOptions>> optimizers = {};
};

struct ValidationOptions {
  Duration every = "1ep";
  i64 subset = 0;  // 0: all held-out samples
  std::vector<std::string> metrics;
};

// The keys `task` and `loss`.
struct ObjectiveOptions {
  // The name of a loss. It sets the defaults of `loss` and `validation.metrics`.
  std::optional<std::string> task;
  LossRecipe loss = classification();
  // The run chooses the loss that fits the targets of its data. load_run_config() sets it where a
  // config has neither of the keys.
  bool by_data = false;
};

// The keys `resume` and `resume_override`.
struct ResumeOptions {
  std::string from = "never";
  std::vector<std::string> override_keys;
};

void describe(Fields& f, DistOptions& o);
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
  ObjectiveOptions objective;
  TrainerRecipe trainer = standard();
  optim::OptimizerRecipe optimizer = optim::adamw();
  RecipeWith<optim::Schedule, SchedulerOptions> scheduler = optim::constant();
  std::vector<StrategyRecipe> strategy;  // hooks are called in this order
  PrecisionRecipe precision = fp32();
  TrainSection train;
  ValidationOptions validation;
  CheckpointOptions checkpoint;
  ResumeOptions resume;
  std::vector<CallbackRecipe> callbacks;

  // `train`, completed from the other sections. The normalization is empty; it comes from the data.
  // There is no process group.
  TrainerOptions trainer_options() const;
};

void describe(Fields& f, RunConfig& o);

// Throws UserError, naming the key, for a value that is not UTF-8: a checkpoint holds the config as
// JSON, which cannot represent it.
void check_text(RunConfig config);

}  // namespace weft::train
