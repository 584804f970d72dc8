// SPDX-License-Identifier: Apache-2.0
// UpdateRecorder: what a step does to each parameter: before, gradient, optimizer state, after.
#pragma once
#include <vector>

#include "weft/train/run/callback.h"
#include "weft/train/trace/recorder.h"

namespace weft::train {

// A callback that the run keeps. It observes one step, between begin() and end().
class UpdateRecorder final : public Callback {
 public:
  // `trace` and `tape` must live until end().
  void begin(Trace& trace, TapeRecorder& tape);
  void end(Trainer& trainer);
  // The batches of the step, until the loader gives the next one.
  const std::vector<data::Batch>& batches() const { return batches_; }
  // The arguments of Trainer::loss_of for batch `i`.
  BatchInProgress batch(std::size_t i) const;
  // Ends the observation, also of a step that failed, and drops the batches.
  void forget();

  using Callback::on_epoch_end;
  void on_batch_begin(Trainer& trainer, const BatchInProgress& batch) override;
  void on_gradients(Trainer& trainer, double scale) override;
  void on_step_end(Trainer& trainer, const optim::StepOutcome& outcome) override;
  bool needs_gradients(const Trainer&) const override { return trace_ != nullptr; }
  bool needs_outcome(const Trainer&) const override { return trace_ != nullptr; }

 private:
  struct Place {
    i64 epoch, batch_idx, step, first_sample;
  };
  // The parameters and the state of one optimizer before the step, on the host.
  struct Before {
    Tensor values;
    std::map<std::string, std::vector<Tensor>> state;
  };
  void remember(Trainer& trainer);

  Trace* trace_ = nullptr;
  TapeRecorder* tape_ = nullptr;
  std::vector<data::Batch> batches_;
  std::vector<Place> places_;
  std::vector<Before> before_;  // one for each optimizer
};

}  // namespace weft::train
