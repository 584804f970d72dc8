// SPDX-License-Identifier: Apache-2.0
// Metrics of a model besides its loss. They accumulate on the device, batch by batch, and are read
// once. Batches are weighted by their samples, so the value over a dataset is exact for uneven
// batches.
#pragma once
#include <memory>
#include <string>

#include "weft/core/registry.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

class Metric {
 public:
  static constexpr const char* kKind = "metric";
  virtual ~Metric() = default;
  // The kind of targets that the metric measures. The Evaluator refuses a dataset of another kind
  // and names the metric.
  enum class Targets { any, labels, values };
  virtual Targets targets() const { return Targets::any; }
  // Adds a batch: `output` comes from the model, `target` from the loader.
  virtual void update(const Tensor& output, const Tensor& target) = 0;
  // The value over all batches since reset(); NaN before the first. Waits for the device.
  virtual double value() const = 0;
  // The result of a metric that is a table instead of a value: empty before the first batch, and
  // undefined for others.
  virtual Tensor table() const { return {}; }
  virtual void reset() = 0;
};

using MetricRecipe = Recipe<Metric>;

}  // namespace weft::train
