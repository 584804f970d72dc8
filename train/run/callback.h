// SPDX-License-Identifier: Apache-2.0
// Callbacks observe a run and may end it (Orchestrator::stop). A config lists them by name
// (`callbacks:`). An application adds its own (Orchestrator::add_callback).
//
// The hooks, in the order of a run:
//   on_setup               after the run is built, before its folder is made; throws UserError for
//                          options that do not fit the run
//   state                  when a run is resumed
//   on_train_begin
//   for each epoch         the hooks of TrainerObserver, with validations after the steps where
//                          they are due, then
//                          on_epoch_end(EpochReport) after the last validation of the epoch
//   on_train_end
//
// In a run of several ranks the hooks run on all of them, and what they decide must be the same:
// losses and metrics are those of all samples, but on_validation_batch has the batches of its rank.
// A hook that writes files does so where Orchestrator::ranks().is_first().
#pragma once
#include <map>
#include <string>

#include "weft/train/checkpoint/snapshot.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

struct RunReport;
class Orchestrator;

// One epoch as it is printed and logged. `metrics` has "train/loss", "train/accuracy" if it is one
// of train.metrics, "validation/loss", "validation/accuracy", …
struct EpochReport {
  EpochResult train;
  i64 epochs = 0;  // epochs of the whole run
  i64 step = 0;    // optimizer steps applied since the run began
  i64 samples_seen = 0;
  double seconds = 0;          // since the run began
  i64 validation_samples = 0;  // that the validation looked at; 0: all (validation.subset)
  std::map<std::string, double> metrics = {};
  std::map<std::string, Tensor> tables =
      {};  // int64 (rows, columns): "validation/confusion_matrix"
};

class Callback : public TrainerObserver {
 public:
  virtual void on_setup(Orchestrator&) {}
  virtual void on_train_begin(Orchestrator&) {}
  using TrainerObserver::on_epoch_end;  // before the validation; the next one after it
  virtual void on_epoch_end(const EpochReport&) {}
  // Called around every evaluation of the run: validations that are due, Orchestrator::validate()
  // and test(). Evaluation::split names the data.
  virtual void on_validation_begin(Orchestrator&) {}
  virtual void on_validation_end(Orchestrator&, const Evaluation&) {}
  // Called in place of on_validation_end for an evaluation without a result: a stop was requested,
  // or it threw. A validation that was stopped is made anew when the run is resumed.
  virtual void on_validation_abandoned(Orchestrator&) {}
  // on_validation_batch is called for each batch of an evaluation if this returns true.
  virtual bool needs_validation_batches() const { return false; }
  virtual void on_validation_batch(Orchestrator&, const EvaluatedBatch&) {}
  // The name of the weights that an evaluation of the run uses in place of the model's own; each
  // checkpoint has them as NAME.safetensors. Empty: the model's own.
  virtual std::string evaluated_weights() const { return {}; }
  // Called before on_checkpoint if checkpoint.every makes the checkpoint due: not for one that a
  // stop, a request or the end of the run causes. `metrics` are those of a validation at this step.
  virtual void on_due_checkpoint(Orchestrator&, const std::map<std::string, double>& /*metrics*/) {}
  // Called before a checkpoint is written. More files may be added to it.
  virtual void on_checkpoint(Orchestrator&, Snapshot&) {}
  // Called when training failed. Returns true if the callback has repaired the run. An epoch that
  // failed then starts again. After the validation at the end of an epoch, the next one starts.
  virtual bool on_failure(Orchestrator&, const TrainingError&) { return false; }
  // Called for all callbacks after one has repaired the run. The weights are others than those that
  // the last step left.
  virtual void on_repaired(Orchestrator&) {}
  virtual void on_train_end(const RunReport&) {}
  virtual void state(State&) {}
};

}  // namespace weft::train

namespace weft {
template <>
struct RegistryTraits<train::Callback> : RegistryDefaults<train::Callback> {
  static constexpr const char* kind = "callback";
  static constexpr bool can_be_disabled = true;
};
}  // namespace weft

namespace weft::train {
using CallbackRecipe = Recipe<Callback>;
}
