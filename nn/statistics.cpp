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

StatisticsScope::StatisticsScope(std::vector<StatisticsUpdate>* storage)
    : before_(std::exchange(innermost, this)), storage_(storage) {
  if (storage_ != nullptr) std::swap(updates_, *storage_);
}
StatisticsScope::~StatisticsScope() {
  innermost = before_;
  if (storage_ == nullptr) return;
  updates_.clear();
  std::swap(updates_, *storage_);
}

void StatisticsScope::commit(bool skip) {
  if (!skip) commit_if_finite(nullptr);
  updates_.clear();
}

void StatisticsScope::commit_if_finite(const bool* found_inf) {
  for (StatisticsUpdate& update : updates_) update.apply(found_inf);
  updates_.clear();
}

void update_statistics(StatisticsUpdate update) {
  if (innermost != nullptr) innermost->updates_.push_back(std::move(update));
  else update.apply();
}

}  // namespace weft::nn
