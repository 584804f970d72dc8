// SPDX-License-Identifier: Apache-2.0
// Note [Batch-norm statistics]
// A forward pass in training mode computes the statistics of its batch, and moves the running
// statistics toward them. This change belongs to the optimizer step. If a step is skipped because a
// gradient is not finite, its batch must not change the running statistics. A training loop
// therefore opens a StatisticsScope around forward, backward and step, and commits or drops the
// updates when the outcome of the step is known. Without a scope (a hand-written loop, as in
// PyTorch) the running statistics change during the forward pass.
#pragma once
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft::nn {

// The statistics that one batch-norm layer computed in one forward pass. All tensors are
// (channels), except `batches`, which is a scalar.
struct StatisticsUpdate {
  Tensor running_mean, running_var;  // change by momentum·(batch − running)
  Tensor batches;                    // int64, increased by one
  Tensor mean, variance;             // of the batch, f64; the variance divides by rows − 1
  double momentum = 0.1;

  // Updates the running statistics unless *skip is true. `skip` lies on the device of the tensors
  // and may be null.
  void apply(const bool* skip = nullptr);
};

// Collects the updates of the forward passes of this thread while it lives. Scopes nest, and the
// innermost collects. Updates that are not committed when the scope ends are dropped.
class StatisticsScope {
 public:
  // `storage` is a vector whose capacity the scope uses and returns empty, so that a loop allocates
  // nothing after its first steps. It may be null.
  explicit StatisticsScope(std::vector<StatisticsUpdate>* storage = nullptr);
  ~StatisticsScope();
  StatisticsScope(const StatisticsScope&) = delete;
  StatisticsScope& operator=(const StatisticsScope&) = delete;

  // Applies the updates since the last commit in order, or drops them if `skip` is true. Must be
  // called once per optimizer step; `skip` says whether that step was skipped.
  void commit(bool skip = false);
  // Applies the updates unless *found_inf is true on the device. The host does not wait.
  // `found_inf` may be null.
  void commit_if_finite(const bool* found_inf);
  // The number of updates that wait for commit().
  i64 pending() const { return static_cast<i64>(updates_.size()); }

 private:
  friend void update_statistics(StatisticsUpdate update);
  StatisticsScope* before_;
  std::vector<StatisticsUpdate>* storage_;
  std::vector<StatisticsUpdate> updates_;
};

// Called by layers. Applies the update at once, or at the commit of the innermost scope of this
// thread.
void update_statistics(StatisticsUpdate update);

}  // namespace weft::nn
