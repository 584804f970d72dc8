// SPDX-License-Identifier: Apache-2.0
// Metrics of a model besides its loss. They accumulate on the device, batch by batch, and are read
// once; a metric that reads a batch on the host makes training on a GPU wait for each step. Batches
// are weighted by their samples, so the value over a dataset is exact for uneven batches.
#pragma once
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/output_kind.h"
#include "weft/core/registry.h"
#include "weft/tensor/state.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

// Replaces the elements of a tensor on the CPU, f64 or int64, by their sums over all ranks, which
// are the processes that evaluate together. All ranks call it, in the same order and with equal
// shapes.
using SumOverRanks = std::function<void(const Tensor&)>;

// The same for numbers of one type, i64 or double: sum_numbers<i64>(sum, {&hits_, &samples_}).
template <class T>
void sum_numbers(const SumOverRanks& sum, std::initializer_list<T*> numbers) {
  std::vector<T> values;
  for (const T* number : numbers) values.push_back(*number);
  const Tensor sums = Tensor::copy_of(values, {static_cast<i64>(values.size())});
  sum(sums);
  values = sums.to_vector<T>();
  auto value = values.begin();
  for (T* number : numbers) *number = *value++;
}

class Metric {
 public:
  static constexpr const char* kKind = "metric";
  virtual ~Metric() = default;
  // The kind of targets that the metric measures. The Evaluator refuses a dataset of another kind
  // and names the metric.
  enum class Targets { any, labels, values };
  virtual Targets targets() const { return Targets::any; }
  // What the metric reads outputs as. A loss under which they are of another kind is refused too.
  virtual OutputKind outputs() const { return OutputKind::any; }
  // Which values are better, for what monitors the metric (`mode: auto`). Where it is unknown, they
  // are taken to be the lower ones, with a warning.
  enum class Better { unknown, lower, higher };
  virtual Better better() const { return Better::unknown; }
  // Adds a batch: `output` comes from the model, `target` from the loader.
  virtual void update(const Tensor& output, const Tensor& target) = 0;
  // The value over all batches since reset(); NaN before the first. Waits for the device.
  virtual double value() const = 0;
  // The result of a metric that is a table instead of a value: empty before the first batch, and
  // undefined for others.
  virtual Tensor table() const { return {}; }
  virtual void reset() = 0;
  // Replaces what was counted since reset() by its sums over the ranks, so that value() and table()
  // are those of all batches of all ranks. This rank, or all, may have had no batch. reset() comes
  // next, then batches again. A metric that does not override it measures in one process only: this
  // one throws UserError.
  virtual void merge(const SumOverRanks& /*sum*/) {
    fail("merge() is not overridden; it is required for several ranks (train/metrics/metric.h)");
  }
  // Saves or loads what was counted since reset(), for a checkpoint inside an epoch in which the
  // metric measures training (train.metrics). One that does not override it measures evaluations
  // only: this one throws UserError.
  virtual void state(State&) {
    fail("state() is not overridden; it is required for train.metrics (train/metrics/metric.h)");
  }
};

using MetricRecipe = Recipe<Metric>;

}  // namespace weft::train
