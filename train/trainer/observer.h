// SPDX-License-Identifier: Apache-2.0
// TrainerObserver: what can be done between the parts of an epoch. Strategies and callbacks are
// observers; a hand-written loop adds its own (Trainer::add_observer). A hook costs a virtual call.
//
// In the order of an epoch:
//   on_epoch_begin       not again for an epoch that a checkpoint was made in
//   for each optimizer step
//     on_step_begin      requires_grad may be changed and rebuild_optimizer_and_scheduler()
//                        called, here or
//                        between epochs
//     on_batch_begin     for each of its `accumulate` batches
//     on_gradients       after the last of them: all gradients are there, not yet scaled or clipped
//     on_step_end        after the update
//     on_batch_end       for each batch; for the last one, after the step
//   on_epoch_end         not for an epoch that is stopped from outside and continues another day
#pragma once
#include <functional>

#include "weft/data/loader.h"
#include "weft/optim/optimizer.h"
#include "weft/train/trainer/progress.h"

namespace weft::train {

class Trainer;

// Where an epoch stands.
struct Progress {
  i64 epoch;           // from 1
  i64 batch, batches;  // done, and in all
  i64 samples;
  double seconds;
  // Reads the running mean loss: waits for the device.
  std::function<double()> loss;
};

// A batch that is being trained on, with what repeats its forward pass exactly.
struct BatchInProgress {
  const data::Batch& batch;
  i64 epoch, batch_idx;    // both from 1
  i64 step, first_sample;  // of the random numbers (set_random_step)
};

class TrainerObserver {
 public:
  virtual ~TrainerObserver() = default;
  // `epoch` counts from 0: the epochs that are done.
  virtual void on_epoch_begin(Trainer&, i64 /*epoch*/) {}
  virtual void on_epoch_end(Trainer&, const EpochResult&) {}
  // `step`: optimizer steps begun before this one, skipped ones included.
  virtual void on_step_begin(Trainer&, i64 /*step*/) {}
  virtual void on_batch_begin(Trainer&, const BatchInProgress&) {}
  virtual void on_batch_end(Trainer&, const Progress&) {}
  // `scale`: what the update multiplies the gradients with, to make them those of the mean loss.
  virtual void on_gradients(Trainer&, double /*scale*/) {}
  virtual void on_step_end(Trainer&, const optim::StepOutcome&) {}
  // On a GPU, on_step_end comes up to StepsInFlight::kMost - 1 steps late (Note [The outcome of a
  // step]), and with train.capture nobody sees a step's gradients. An observer for which that will
  // not do says so before each step: a step whose gradients it must see runs directly; for an
  // outcome that it must have before anything else happens, the host waits.
  virtual bool needs_gradients(const Trainer&) const { return false; }
  virtual bool needs_outcome(const Trainer&) const { return false; }
  // The loss of this batch is not finite; TrainingError follows.
  virtual void on_non_finite(Trainer&, const BatchInProgress&) {}
  virtual void on_rebuild(Trainer&, const optim::RebuildReport&) {}
};

}  // namespace weft::train
