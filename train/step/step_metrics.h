// SPDX-License-Identifier: Apache-2.0
// StepMetrics: the metrics that training batches are measured with (train.metrics). They read the
// outputs that the step computes anyway, behind it in the order of the device, so the weights are
// those before each update, and dropout is on. Until then memory holds the outputs of all
// micro-batches of the step. Without metrics nothing is done.
#pragma once
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "weft/autograd/variable.h"
#include "weft/train/step/metric_set.h"
#include "weft/train/step/rank_exchange.h"

namespace weft::train {

// The outputs of the model for a micro-batch, and its targets, on the device. Undefined for samples
// that count for nothing.
struct StepOutputs {
  Tensor outputs, target;
};

class StepMetrics {
 public:
  // `ranks`, which may be null, must outlive it. Throws UserError for an unknown name, and of
  // several ranks for a metric without merge().
  StepMetrics(std::vector<std::string> names, RankExchange* ranks);

  // --- in a step, for each of its micro-batches
  void begin_step();
  void begin_batch();
  // Called by the loss; the last call of a micro-batch counts.
  void note(const Variable& outputs, const Tensor& target);
  // Whether the loss of the micro-batch has noted its outputs, or need not.
  bool noted() const { return !notes_ || outputs_.back().outputs.defined(); }
  // Throws UserError if the loss noted nothing.
  void end_batch(const data::Batch& batch);
  [[noreturn]] static void refuse();  // of a loss that notes nothing

  // --- behind a step
  std::vector<StepOutputs> take_outputs() { return std::exchange(outputs_, {}); }
  // Of a step that a graph has repeated.
  void set_outputs(const std::vector<StepOutputs>& outputs) { outputs_ = outputs; }
  // Adds the step, also one that is then skipped, as the loss of the epoch does. `labels_of` gives
  // the targets of a micro-batch on the host.
  void measure(const Loss& loss, const std::function<Tensor(i64)>& labels_of);

  // Throws UserError for batches, and for outputs under the loss, that a metric cannot measure.
  void check(const data::Loader& loader, const Loss& loss) const {
    metrics_.check_training(loader, loss);
  }
  const std::vector<std::string>& names() const { return metrics_.names(); }
  void reset() { metrics_.reset(); }
  // Gives the values since reset() over the samples of all ranks, which call it together. Waits for
  // the device.
  void read(std::map<std::string, double>& values, std::map<std::string, Tensor>& tables);
  // Saves or loads what was measured. All ranks save together. What all ranks have measured, rank 0
  // alone has afterwards: sums that are not whole numbers may differ in their last bits from those
  // of a run that did not save here.
  void state(State& s, bool warns);

 private:
  void merge();
  void leave_to_first();

  MetricSet metrics_;
  RankExchange* ranks_;
  bool notes_ = false;  // a micro-batch is under way: hooks may compute other losses too
  std::vector<StepOutputs> outputs_;
};

}  // namespace weft::train
