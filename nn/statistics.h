// SPDX-License-Identifier: Apache-2.0
// Note [Batch-norm statistics]
// A forward pass in training mode observes statistics of its batch, and the running ones move
// toward them. They belong to the optimizer's step: when a step is skipped because a gradient is
// not finite, the batch that caused it must leave no trace, and the running statistics are where it
// would. So a training loop opens a StatisticsScope around forward, backward and step, and commits
// or drops what was observed when it knows. Without a scope (a hand-written loop, as in PyTorch)
// the running statistics move during the forward pass.
#pragma once
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft::nn {

// What one batch-norm layer observed in one forward pass. All (channels); `batches` is a scalar.
struct StatisticsUpdate {
  Tensor running_mean, running_var;  // moved by momentum·(observed − running)
  Tensor batches;                    // int64, counted up by one
  Tensor mean, variance;             // observed, f64; the variance divides by rows − 1
  double momentum = 0.1;

  // Unless *skip, which lies on the tensors' device and may be null.
  void apply(const bool* skip = nullptr);
};

// Holds back the updates of this thread's forward passes while it lives. Scopes nest: the innermost
// collects. What was not committed when it ends is dropped.
class StatisticsScope {
 public:
  // `storage`: a vector whose capacity the scope uses and gives back, empty, so that a loop
  // allocates nothing once it is warm.
  explicit StatisticsScope(std::vector<StatisticsUpdate>* storage = nullptr);
  ~StatisticsScope();
  StatisticsScope(const StatisticsScope&) = delete;
  StatisticsScope& operator=(const StatisticsScope&) = delete;

  // Applies what was observed since the last commit, in order, or drops it. To be called once per
  // optimizer step: `skip` is whether that was skipped.
  void commit(bool skip = false);
  // The same where only the device knows whether the step is skipped (*found_inf, which may be
  // null): the host does not wait.
  void commit_if_finite(const bool* found_inf);
  // Updates waiting for commit().
  i64 pending() const { return static_cast<i64>(updates_.size()); }

 private:
  friend void update_statistics(StatisticsUpdate update);
  StatisticsScope* before_;
  std::vector<StatisticsUpdate>* storage_;
  std::vector<StatisticsUpdate> updates_;
};

// For layers: now, or at the commit of this thread's scope.
void update_statistics(StatisticsUpdate update);

}  // namespace weft::nn
