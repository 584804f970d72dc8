// SPDX-License-Identifier: Apache-2.0
// Trainer: the mechanics of one epoch. It owns optimizer and schedule, and knows nothing of files,
// validation or configs; strategies steer it from outside.
//
//   train::Trainer trainer{model, train::classification(), {.optimizer = optim::adamw({.lr = 1e-3})}};
//   for (int epoch = 0; epoch < 5; ++epoch) trainer.train_one_epoch(loader);
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/nn/module.h"
#include "weft/optim/optimizer.h"
#include "weft/optim/schedules.h"
#include "weft/optim/sgd.h"
#include "weft/train/input.h"
#include "weft/train/loss.h"

namespace weft::train {

struct TrainerOptions {
  optim::OptimizerRecipe optimizer = optim::sgd({.lr = 0.01});
  optim::ScheduleRecipe scheduler = optim::constant();
  i64 epochs = 1;        // the length of training, for schedules that run to its end
  i64 accumulate = 1;    // batches per optimizer step
  double clip_norm = 0;  // longest norm of all gradients together; 0: no limit
  i64 max_steps = 0;     // stop an epoch when this many steps were made in all; 0: no limit
  std::optional<data::Normalization> normalization = {};
  u64 seed = 0;  // of dropout masks
};

struct EpochResult {
  i64 epoch = 0;    // epochs done, this one included
  double loss = 0;  // mean over the samples of the epoch
  double lr = 0;    // of the last step
  i64 steps = 0;    // optimizer steps made in this epoch
  i64 skipped = 0;  // steps not applied because a gradient was not finite
  i64 samples = 0;
  double seconds = 0;
  double samples_per_second = 0;
  double seconds_waited = 0;  // for the loader
  bool complete = true;       // false when stopped early (stop token, max_steps)
};

// Where an epoch stands, for progress displays. The loss is that of the last batch.
struct Progress {
  i64 batch, batches;
  i64 samples;
  double seconds;
  // Reads the running mean loss: waits for the device.
  std::function<double()> loss;
};

struct NamedModel {
  std::string name;
  nn::Module* module;
};

class Trainer {
 public:
  // The model must outlive the trainer. Throws UserError for options out of range.
  Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options);
  virtual ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // One pass over the loader. Throws TrainingError when the loss is not finite, before the weights have
  // taken any harm: the step of that batch is not applied.
  EpochResult train_one_epoch(data::Loader& loader);

  // One batch as a whole optimizer step; its loss, read back. For tests and traces.
  double step(const data::Batch& batch, const data::Loader& loader);

  // Called after each batch. Costs nothing when absent.
  void on_progress(std::function<void(const Progress&)> observer) {
    progress_ = std::move(observer);
  }
  // The epoch ends after the batch during which a stop is requested.
  void set_stop_token(std::stop_token token) { stop_ = std::move(token); }

  // --- for strategies -------------------------------------------------------------------------------
  nn::NamedParameters named_parameters() { return model_.named_parameters(); }
  // Sets requires_grad on all parameters whose name matches the glob; how many. UserError if none does.
  i64 set_requires_grad(const std::string& glob, bool on);
  // To be called when requires_grad was changed: optimizer state is kept by name.
  optim::RebuildReport rebuild_optimizer_and_scheduler();

  nn::Module& model() { return model_; }
  // All models of this run by name; a trainer with several says which.
  virtual std::vector<NamedModel> models() { return {{"model", &model_}}; }
  optim::Optimizer& optimizer() { return *optimizer_; }
  const optim::Schedule* schedule() const { return schedule_.get(); }
  optim::Schedule* schedule() { return schedule_.get(); }
  const TrainerOptions& options() const { return options_; }
  i64 epochs_done() const { return epochs_done_; }
  const Device& device() const { return device_; }

 protected:
  // The loss of a prepared batch: a trainer of another kind (several models) overrides this.
  virtual Variable compute_loss(const Variable& x, const Tensor& target);

 private:
  void prepare(const data::Loader& loader);
  void build_schedule(i64 batches_per_epoch);
  void apply_schedule();
  optim::StepOutcome update(i64 micro_batches);

  nn::Module& model_;
  TrainerOptions options_;
  std::unique_ptr<Loss> loss_;
  std::unique_ptr<optim::Optimizer> optimizer_;
  std::unique_ptr<optim::Schedule> schedule_;
  std::optional<InputPipeline> input_;
  Device device_;
  std::function<void(const Progress&)> progress_;
  std::stop_token stop_;
  i64 steps_per_epoch_ = 0;  // what the schedule was built for
  i64 epochs_done_ = 0;
  i64 steps_begun_ = 0;  // applied or skipped
};

}  // namespace weft::train
