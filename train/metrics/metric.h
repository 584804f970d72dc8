// SPDX-License-Identifier: Apache-2.0
// Metrics: what is said about a model besides its loss. They count on the device, batch by batch,
// and are read once; uneven batches are weighted by their samples, so the value over a set is
// exact.
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
  // Counts a batch: output as the model gives it, target as the loader does.
  virtual void update(const Tensor& output, const Tensor& target) = 0;
  // Over all batches since reset(); NaN before the first. Waits for the device.
  virtual double value() const = 0;
  // In place of a value, from metrics that are a table; undefined from others.
  virtual Tensor table() const { return {}; }
  virtual void reset() = 0;
};

using MetricRecipe = Recipe<Metric>;

}  // namespace weft::train
