// SPDX-License-Identifier: Apache-2.0
// TrainerObserver: hooks between the parts of an epoch. Strategies and callbacks are observers; a
// hand-written loop adds its own (Trainer::add_observer). A hook costs a virtual call.
//
// The hooks, in the order of an epoch:
//   on_epoch_begin       is not called again when an epoch resumes from a checkpoint inside it
//   for each optimizer step
//     on_step_begin      may change requires_grad and call rebuild_optimizer_and_scheduler(); both
//                        are also allowed between epochs
//     on_batch_begin     for each of its `accumulate` batches
//     on_gradients       after the last batch: all gradients exist, not yet unscaled or clipped
//     on_step_end        after the update
//     on_batch_end       for each batch; for the last one, after the step
//   on_epoch_end         is not called for an epoch that is stopped from outside, which continues
//                        when the run is resumed
#pragma once
#include <algorithm>
#include <functional>
#include <type_traits>
#include <vector>

#include "weft/data/loader.h"
#include "weft/optim/optimizer.h"
#include "weft/train/trainer/progress.h"

namespace weft::train {

class Trainer;

// The progress within an epoch.
struct Progress {
  i64 epoch;           // from 1
  i64 batch, batches;  // batches done, and batches of the epoch
  i64 samples;
  double seconds;
  // Reads the running mean loss, which waits for the device.
  std::function<double()> loss;
};

// A batch that is being trained on, with the values that make its forward pass repeatable.
struct BatchInProgress {
  const data::Batch& batch;
  i64 epoch, batch_idx;    // both from 1
  i64 step, first_sample;  // arguments of set_random_step for its random numbers
};

class TrainerObserver {
 public:
  virtual ~TrainerObserver() = default;
  // `epoch` counts from 0: it is the number of epochs done.
  virtual void on_epoch_begin(Trainer&, i64 /*epoch*/) {}
  virtual void on_epoch_end(Trainer&, const EpochResult&) {}
  // `step` is the number of optimizer steps begun before this one, skipped ones included.
  virtual void on_step_begin(Trainer&, i64 /*step*/) {}
  virtual void on_batch_begin(Trainer&, const BatchInProgress&) {}
  virtual void on_batch_end(Trainer&, const Progress&) {}
  // The gradients times `scale` are those of the mean loss; the update multiplies them by it. Of
  // several ranks they are the sums of all, with shard_optimizer only in the part of this rank.
  virtual void on_gradients(Trainer&, double /*scale*/) {}
  // The loss of the step itself, its learning rate and its batch are in
  // trainer.progress().last_step, and the loss scale is in trainer.optimizers().
  virtual void on_step_end(Trainer&, const optim::StepOutcome&) {}
  // On a GPU, on_step_end is called up to StepsInFlight::kMost - 1 steps late (Note [The outcome of
  // a step]), and on_gradients is not called for captured steps (train.capture) nor, unless an
  // observer needs its gradients, for steps of several ranks. These two are called before each
  // step. If an observer needs its gradients, the step runs directly. If an observer needs its
  // outcome, the host waits for the step before it continues.
  virtual bool needs_gradients(const Trainer&) const { return false; }
  virtual bool needs_outcome(const Trainer&) const { return false; }
  // Called when the loss of this batch is not finite. TrainingError is thrown after it.
  virtual void on_non_finite(Trainer&, const BatchInProgress&) {}
  virtual void on_rebuild(Trainer&, const optim::RebuildReport&) {}
};

// The observers of a trainer, in the order in which they are called.
class Observers {
 public:
  void add(TrainerObserver& observer) { observers_.push_back(&observer); }
  bool empty() const { return observers_.empty(); }
  // Whether any of them needs it.
  bool any(const Trainer& trainer, bool (TrainerObserver::*needs)(const Trainer&) const) const {
    return std::any_of(observers_.begin(), observers_.end(),
                       [&](const TrainerObserver* each) { return (each->*needs)(trainer); });
  }
  // Calls a hook of all, also of those that a hook adds.
  template <class... A>
  void notify(Trainer& trainer, void (TrainerObserver::*hook)(Trainer&, A...),
              const std::type_identity_t<A>&... arguments) {
    for (std::size_t i = 0; i < observers_.size(); ++i)
      (observers_[i]->*hook)(trainer, arguments...);
  }

 private:
  std::vector<TrainerObserver*> observers_;
};

}  // namespace weft::train
