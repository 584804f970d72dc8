// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/statistics.h"

#include "weft/tensor/ops.h"

namespace weft::nn {
namespace {
thread_local StatisticsScope* innermost = nullptr;
}

void StatisticsUpdate::apply(const bool* skip) {
  commit_running_stats(running_mean, running_var, mean, variance, momentum, skip, batches);
}

StatisticsScope::StatisticsScope() : before_(std::exchange(innermost, this)) {}
StatisticsScope::~StatisticsScope() { innermost = before_; }

void StatisticsScope::commit(bool skip) {
  if (!skip) commit_unless(nullptr);
  updates_.clear();
}

void StatisticsScope::commit_unless(const bool* skip) {
  for (StatisticsUpdate& update : updates_) update.apply(skip);
  updates_.clear();
}

void update_statistics(StatisticsUpdate update) {
  if (innermost != nullptr) innermost->updates_.push_back(std::move(update));
  else update.apply();
}

}  // namespace weft::nn
