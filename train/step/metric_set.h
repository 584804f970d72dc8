// SPDX-License-Identifier: Apache-2.0
// MetricSet: metrics by name, which measure the same batches: those of an evaluation, or of an
// epoch of training.
#pragma once
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/data/loader.h"
#include "weft/train/losses/loss.h"
#include "weft/train/metrics/metric.h"

namespace weft::train {

class MetricSet {
 public:
  // Throws UserError for an unknown name and for one that is given twice.
  explicit MetricSet(std::vector<std::string> names);

  const std::vector<std::string>& names() const { return names_; }
  // Whether the metric of this name is a table instead of one number.
  bool is_table(const std::string& name) const;

  // The checks throw UserError, naming the metric. They are made before anything is measured.
  // For targets of another kind than it measures, and outputs of another kind than it reads.
  void check_kind(const data::DatasetInfo& info, const Loss& loss) const;
  // For one that ranks cannot merge.
  void check_merge();
  // For one that cannot measure training (`train.metrics`): its state is not saved, or the batches
  // of the loader are mixed and have no labels.
  void check_training(const data::Loader& loader, const Loss& loss) const;

  void reset();
  // Adds a batch. Of sequences each position is a sample. Samples whose label `loss` ignores are
  // left out; if it ignores a label, `labels` are the targets on the host, where they are read.
  void update(const Loss& loss, const Tensor& output, const Tensor& target, const Tensor& labels);
  // Wait for the device.
  std::map<std::string, double> values() const;
  std::map<std::string, Tensor> tables() const;
  // Replaces what was measured by the sums over all ranks. reset() or a loaded state comes next.
  void merge(const SumOverRanks& sum);
  // What was measured since reset(). A metric that the record does not have stays as it is, and a
  // warning names it if `warns`.
  void state(State& s, bool warns = false);

 private:
  std::vector<std::string> names_;
  std::vector<std::unique_ptr<Metric>> metrics_;
};

// Throws UserError, which names the key of a config, for names that a MetricSet does not take.
void check_metric_names(std::string_view key, const std::vector<std::string>& names);

}  // namespace weft::train
