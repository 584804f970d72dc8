// SPDX-License-Identifier: Apache-2.0
// Trainer: the mechanics of one epoch. It owns optimizer and schedule, and knows nothing of files,
// validation or configs; strategies steer it from outside.
//
//   train::Trainer trainer{model, train::classification(), {.optimizer = optim::adamw({.lr = 1e-3})}};
//   for (int epoch = 0; epoch < 5; ++epoch) trainer.train_one_epoch(loader);
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "weft/autograd/autocast.h"
#include "weft/data/loader.h"
#include "weft/nn/module.h"
#include "weft/nn/statistics.h"
#include "weft/train/step/captured_steps.h"
#include "weft/train/step/input.h"
#include "weft/train/losses/loss.h"
#include "weft/train/trainer/observer.h"
#include "weft/train/step/running_loss.h"
#include "weft/train/step/scheduled_optimizer.h"
#include "weft/train/trainer/trainer_options.h"

namespace weft::train {

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

// How far an epoch has come: what a checkpoint inside of it needs.
struct EpochProgress {
  i64 batches = 0, samples = 0;
  i64 steps = 0, skipped = 0;
  double seconds = 0;
  LossTotals loss;
  void state(State& s);
};

// A factor of the learning rate for the parameters that one of the globs matches.
struct LrFactor {
  std::vector<std::string> match = {};
  double lr_factor = 1;
};
void describe(Fields& f, LrFactor& o);

struct NamedModel {
  std::string name;
  nn::Module* module;
  // What its file says about it (train/checkpoint/model_metadata.h); empty for the model of the run's config.
  std::map<std::string, std::string> metadata = {};
};

class Trainer {
 public:
  // The model must outlive the trainer. Throws UserError for options out of range.
  Trainer(nn::Module& model, const LossRecipe& loss, const TrainerOptions& options);
  virtual ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // One pass over the loader; what is left of it, after an epoch that was broken off was loaded (state()): the
  // loader must stand at that batch. Ends between two optimizer steps, also when it is stopped. Throws TrainingError when the loss is not finite, before the weights have
  // taken any harm: the step of that batch is not applied.
  EpochResult train_one_epoch(data::Loader& loader);

  // One batch as a whole optimizer step; its loss, read back. For tests and traces.
  double step(const data::Batch& batch, const data::Loader& loader);

  // Called back from now on, after those added before. It must outlive the trainer, or be removed.
  void add_observer(TrainerObserver& observer) { observers_.push_back(&observer); }
  void remove_observer(TrainerObserver& observer) { std::erase(observers_, &observer); }
  // The epoch ends after the optimizer step during which a stop is requested.
  void set_stop_token(std::stop_token token) { stop_ = std::move(token); }

  // --- for strategies -------------------------------------------------------------------------------
  nn::NamedParameters named_parameters() { return model_.named_parameters(); }
  // Sets requires_grad on all parameters whose name matches the glob; how many. UserError if none does.
  i64 set_requires_grad(const std::string& glob, bool on);
  // To be called when requires_grad was changed, between steps. Optimizer state is kept by name; state of
  // parameters that no longer train is parked, and comes back with them. The schedule goes on, or starts
  // again over the steps that are left (options().on_rebuild). Throws UserError when nothing is left to
  // train, and when a trainable parameter is not in exactly one segment of the optimizer.
  optim::RebuildReport rebuild_optimizer_and_scheduler();
  // Factors of the rate, times those of the optimizer's groups; of several that match, the last counts.
  // They replace those given before. Throws UserError for a glob that matches nothing.
  void set_lr_factors(const std::vector<LrFactor>& factors);
  // Multiplies every rate, now and later: for a run that diverged.
  void scale_lr(double factor);
  // What training batches go through between normalisation and model; an empty function for nothing.
  void set_input_transform(std::function<Tensor(const Tensor&)> transform) {
    input_transform_ = std::move(transform);
    forget_graphs();
  }
  // Waits until the host knows what came of every step (Note [The outcome of a step]). Observers hear of them.
  void settle();
  // To be called when something about the model was changed that Note [Captured steps] does not name.
  void forget_graphs();
  // Whether options().max_steps were made.
  bool limit_reached();
  // Whether that much training is done: whole epochs by epochs, anything else by steps begun.
  bool reached(const Duration& at) const;
  // Batches of an epoch, for durations and schedules before the first one; otherwise the loader tells.
  void set_epoch_length(i64 batches) { build_schedule(batches); }

  nn::Module& model() { return model_; }
  // All models of this run by name, which a checkpoint has as NAME.safetensors; a trainer with several
  // (train/trainer/trainers.h) says which. named_parameters() are those of `model`.
  virtual std::vector<NamedModel> models() { return {{"model", &model_}}; }
  // The run's, for the parameters of `model`: steps and epochs are counted, and rates shown, by it.
  optim::Optimizer& optimizer() { return *optimizers_.front().optimizer; }
  const optim::Optimizer& optimizer() const { return *optimizers_.front().optimizer; }
  optim::Schedule* schedule() {
    rates_changed();
    return optimizers_.front().schedule.get();
  }
  // All of them, the run's first (Note [Several optimizers]).
  const std::vector<ScheduledOptimizer>& optimizers() const { return optimizers_; }
  // For the schedules that monitor this metric.
  void observe(const std::string& metric, double value);
  const TrainerOptions& options() const { return options_; }
  // In how many parts each batch goes through the model: 1, until memory has run out.
  i64 batch_parts() const { return batch_parts_; }
  // Null where the precision wants no loss scaling.
  const optim::LossScaler* loss_scaler() const { return scaler_ ? &*scaler_ : nullptr; }
  i64 epochs_done() const { return epochs_done_; }
  // Of the epoch that runs, or was broken off; zeros between epochs.
  const EpochProgress& epoch_progress() const { return epoch_; }
  // Batches of the next epoch that are done already: of one that was broken off and loaded.
  i64 batches_to_skip() const { return goes_on_ ? epoch_.batches : 0; }
  i64 steps_begun() const { return steps_begun_; }  // applied or skipped
  // Steps of which the host has not heard yet: of them applied_steps() does not know.
  i64 steps_in_flight() const {
    return (captured_ ? captured_->in_flight() : 0) + (outcome_due_ ? 1 : 0);
  }
  // Null where steps run op by op.
  const CapturedSteps* captured() const { return captured_.get(); }
  i64 steps_per_epoch() const { return steps_per_epoch_; }  // 0 before it is known
  const Device& device() const { return device_; }
  // The loss of a batch of the epoch that runs, computed again: for replays.
  Variable loss_of(const BatchInProgress& batch);

  // Epochs and steps done, how far the epoch at hand has come, and where the schedule stands. The optimizer's state
  // has a form of its own (optimizer().state()); what strategies have set is theirs to set again. UserError
  // between the batches of one optimizer step: their gradients are no part of it.
  virtual void state(State& s);

 protected:
  // The loss of a prepared batch: a trainer of another kind (several models) overrides this.
  virtual Variable compute_loss(const Variable& x, const Tensor& target);
  const Loss& loss() const { return *loss_; }
  // One more, for the constructor of a trainer of another kind: Note [Several optimizers]. The parameters are on
  // device() and of the model's type; as state, in reports and for globs they are called NAME.parameter. Throws
  // UserError for a parameter that another optimizer has.
  void add_optimizer(const std::string& name, nn::NamedParameters parameters,
                     const optim::OptimizerRecipe& optimizer,
                     const optim::ScheduleRecipe& scheduler);

 private:
  // The optimizer step that is on its way.
  struct Window {
    i64 batches = 0, samples = 0;
    double first_weight = 0, weight = 0;  // Note [Accumulation]
    bool is_captured = false;  // its batches are held until all are there (Note [Captured steps])
    std::vector<StepBatches::Part> held = {};  // there, or by Note [Out of memory]
    std::optional<RunningLoss> loss_before = {};
  };
  void begin_step();
  void end_step(nn::StatisticsScope& statistics);
  void note(const optim::StepOutcome& outcome);
  Variable loss_of(const Variable& x, const Tensor& target);
  void add_gradients(const BatchInProgress& batch);
  void add_gradients_of_part(const BatchInProgress& part);
  void add_gradients_of_held();
  void add_gradients_as_memory_allows(const BatchInProgress& batch,
                                      nn::StatisticsScope& statistics);
  void split_batches(const std::string& reason, i64 samples);
  std::string first_batch_norm();  // its path; empty if there is none
  // trainer_capture.cpp
  void set_up_capture();
  bool run_captured(const data::Loader& loader);
  void collect(i64 allowed_in_flight);
  void hear_of(const StepBatches& step, const kernels::StepReport& report);
  bool anyone(bool (TrainerObserver::*needs)(const Trainer&) const) const;
  void rates_changed() {
    if (captured_) captured_->rates_changed();
  }

  void prepare(const data::Dataset& dataset);
  InputPipeline::Prepared input_of(const data::Batch& batch) const;
  void build_schedule(i64 batches_per_epoch);
  void start_schedule(ScheduledOptimizer& optimizer, i64 first_step);
  void state_of(State& s, ScheduledOptimizer& optimizer);
  void check_segments() const;
  void zero_grad();
  double loss_scale() const { return scaler_ ? scaler_->scale() : 1; }
  void begin_update(double grad_scale);
  optim::StepOutcome finish_update();
  void finish(EpochResult& result, bool complete);
  template <class... A>
  void notify(void (TrainerObserver::*hook)(Trainer&, A...),
              const std::type_identity_t<A>&... arguments) {
    for (std::size_t i = 0; i < observers_.size(); ++i) (observers_[i]->*hook)(*this, arguments...);
  }

  nn::Module& model_;
  TrainerOptions options_;
  std::unique_ptr<Loss> loss_;
  Precision precision_;
  std::optional<optim::LossScaler> scaler_;
  WeightCasts casts_;
  std::vector<ScheduledOptimizer> optimizers_;  // never empty
  std::optional<InputPipeline> input_;
  Device device_;
  std::vector<TrainerObserver*> observers_;
  std::function<Tensor(const Tensor&)> input_transform_;
  std::stop_token stop_;
  double lr_scale_ = 1;
  i64 steps_per_epoch_ = 0;  // what the schedules were built for
  i64 epochs_done_ = 0;
  i64 steps_begun_ = 0;  // applied or skipped
  EpochProgress epoch_;
  Tensor loss_sum_;                     // where running_ adds
  std::optional<RunningLoss> running_;  // of the epoch that runs
  Window window_;
  i64 batch_parts_ = 1;
  bool outcome_due_ = false;     // of the last step, which ran op by op
  bool goes_on_ = false;         // the next epoch is one that was broken off
  double seconds_observed_ = 0;  // where a run validates and saves
  bool waits_noted_ = false;
  std::unique_ptr<CapturedSteps> captured_;  // with options_.capture, on a GPU
};

}  // namespace weft::train
