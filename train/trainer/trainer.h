// SPDX-License-Identifier: Apache-2.0
// Trainer: trains a model, one optimizer step or one epoch at a time. It owns the optimizers and
// their schedules. It has no files, validation or configs; strategies control it from outside.
//   train::Trainer trainer{model, train::classification(), {.optimizer = optim::adamw()}};
//   for (int epoch = 0; epoch < 5; ++epoch) trainer.train_one_epoch(loader);
//
// or, with work between the steps:
//   trainer.begin_epoch(loader);
//   while (trainer.train_step()) …;
//   EpochResult result = trainer.end_epoch();
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/data/loader.h"
#include "weft/train/losses/loss.h"
#include "weft/train/step/step_runner.h"
#include "weft/train/step/steps_in_flight.h"
#include "weft/train/trainer/further_model.h"
#include "weft/train/trainer/observer.h"
#include "weft/train/trainer/progress.h"
#include "weft/train/trainer/trainer_options.h"

namespace weft::train {

struct TrainerContext;  // train/trainer/trainers.h

class Trainer {
 public:
  // The model must outlive the trainer. Throws UserError for options out of range.
  Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options);
  virtual ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Trains one epoch. After loading a mid-epoch checkpoint (state()), trains only the remaining
  // batches; the loader must already be positioned there. Throws TrainingError when the loss is not
  // finite; the step of that batch is not applied.
  EpochResult train_one_epoch(data::Loader& loader);
  // The same in three parts. The loader must live until end_epoch(). train_step() makes one
  // optimizer step of options().accumulate batches. It makes none and returns false at the end of
  // the epoch, at max_steps, and when training was stopped.
  void begin_epoch(data::Loader& loader);
  bool train_step();
  EpochResult end_epoch();

  // Adds an observer, which is called after those added before. It must outlive the trainer.
  void add_observer(TrainerObserver& observer) { observers_.add(observer); }
  // An epoch ends after the step during which a stop is requested, but not before its first step.
  void set_stop_token(std::stop_token token) { stop_ = std::move(token); }

  // --- for strategies
  nn::NamedParameters named_parameters() { return model_.named_parameters(); }
  // Sets it for all parameters that match the glob and returns how many. UserError if none does.
  i64 set_requires_grad(const std::string& glob, bool on);
  // Must be called between steps after requires_grad was changed. Optimizer state is kept by name;
  // the state of frozen parameters is stashed, and restored when they train again. The schedule
  // follows options().on_rebuild. Throws UserError when nothing is left to train, and when a
  // trainable parameter is not in exactly one segment of the optimizer.
  optim::RebuildReport rebuild_optimizer_and_scheduler();
  // Factors of the learning rate, times those of the optimizer's groups; the last matching one
  // applies. They replace earlier ones. UserError for a glob that matches nothing.
  void set_lr_factors(const std::vector<LrFactor>& factors);
  // Multiplies all current and future learning rates: for a run that diverged.
  void scale_lr(double factor);
  // A transform of training batches between normalisation and model; empty: none.
  void set_input_transform(std::function<Tensor(const Tensor&)> transform);
  // Passes a value to the schedules that monitor this metric.
  void observe(const std::string& metric, double value);
  // Whether that much training is done: whole epochs in epochs done, all else in steps begun.
  bool reached(const Duration& at) const;
  // Waits until the host knows the outcome of every step (Note [The outcome of a step]).
  void synchronize() { drain(0); }
  // Whether this many steps were applied. Waits only if the steps in flight could change that.
  bool applied_at_least(i64 steps);
  // Must be called after a change of the model that Note [Captured steps] does not name.
  void invalidate_graphs() { runner_->invalidate_graphs(); }
  // Batches of an epoch, for schedules before the first epoch; begin_epoch() asks the loader.
  void set_epoch_length(i64 batches);

  nn::Module& model() { return model_; }
  // Note [Further models]. named_parameters() are those of `model`.
  std::vector<NamedModel> models();
  std::shared_ptr<const Loss> shared_loss() const { return loss_.loss(); }
  optim::Optimizer& optimizer() { return optimizers_.first(); }  // of `model`, which is reported
  // All optimizers, the run's first, with schedules and loss scale (Note [Several optimizers]).
  const Optimizers& optimizers() const { return optimizers_; }
  const TrainerOptions& options() const { return options_; }
  const TrainingProgress& progress() const { return progress_; }
  StepCounters counters() const;
  // Computes the loss of a batch of the current epoch again, for replays.
  Variable loss_of(const BatchInProgress& batch);

  // Saves or loads progress, schedules and loss scale. The optimizers' state is separate
  // (Optimizer::state()). Strategies restore what they have set.
  virtual void state(State& s);

 protected:
  explicit Trainer(const TrainerContext& context);  // for a trainer that a config names
  // The model's outputs. A trainer that takes further tensors (DatasetInfo::more) overrides this.
  virtual Variable outputs_of(const Variable& x, const TensorTree& more);
  // The loss of a prepared batch. A trainer of another kind (several models) overrides this, and
  // gives the outputs that train.metrics measures to measure().
  virtual Variable compute_loss(const Variable& x, const Tensor& target);
  void measure(const Variable& outputs, const Tensor& target) {
    step_.metrics().note(outputs, target);
  }
  const TensorTree& more() const { return step_.more(); }  // of the batch, in compute_loss()
  const Loss& loss() const { return *loss_.loss(); }
  // For a constructor: Note [Further models]. UserError for a name that is taken or not given.
  nn::Module& add_model(const std::string& name, FurtherModel model);
  nn::Module& add_model(const std::string& name, const TrainerContext& context);
  // Note [Several optimizers]. UserError for a parameter that another optimizer has.
  void add_optimizer(const std::string& name, nn::NamedParameters parameters,
                     const optim::OptimizerRecipe& optimizer,
                     const optim::ScheduleRecipe& scheduler);

 private:
  class Events;
  friend std::function<Variable(const Variable&, const TensorTree&)> outputs_of(Trainer& trainer);
  friend void set_metrics(Trainer& trainer, std::vector<std::string> names, data::Loader* probe);
  friend void drop_schedules(Trainer& trainer);
  std::unique_ptr<StepRunner> make_runner(bool capture);
  void set_steps_per_epoch(i64 steps);
  bool limit_reached();
  bool pull(StepInput& input);
  void drain(i64 allowed_in_flight);
  [[noreturn]] void fail(std::span<const kernels::StepReport> reports);

  nn::Module& model_;
  TrainerOptions options_;
  LossModule loss_;
  Optimizers optimizers_;
  TrainStep step_;
  std::unique_ptr<StepRunner> runner_;
  std::map<std::string, FurtherModel> further_;
  StepsInFlight in_flight_;
  Observers observers_;
  std::stop_token stop_;
  TrainingProgress progress_;
  std::optional<RunningLoss> running_;  // of the current epoch
  data::Loader* loader_ = nullptr;      // of the current epoch
  bool wait_noted_ = false;
};

}  // namespace weft::train
