// SPDX-License-Identifier: Apache-2.0
// The algorithms of a library that the process has chosen, by problem. A run saves them as lists of
// integers.
#pragma once
#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/core/types.h"

namespace weft::kernels {

// Problem and Choice are structs whose members are all i64. Problem is ordered, and Choice has
// workspace_bytes. The table is thread-safe.
template <class Problem, class Choice>
class PlanTable {
 public:
  // Returns the plan of the problem. It is choose() if there is no plan, or if a restored plan does
  // not satisfy takes(choice). what() names the problem in the warning for the latter.
  template <class Takes, class Choose, class What>
  Choice plan_for(const Problem& problem, const Takes& takes, const Choose& choose,
                  const What& what) {
    if (const auto kept = find(problem)) {
      if (kept->checked) return kept->choice;
      if (takes(kept->choice)) return keep(problem, kept->choice);
      log_warning("{} is not one of the library's; another is chosen", what());
    }
    return keep(problem, choose());
  }
  void forget() {
    const std::lock_guard lock(mutex_);
    plans_.clear();
  }

  std::vector<std::vector<i64>> lists() {
    const std::lock_guard lock(mutex_);
    std::vector<std::vector<i64>> all;
    for (const auto& [problem, kept] : plans_) {
      const auto integers = std::bit_cast<Integers>(Plan{problem, kept.choice});
      all.emplace_back(integers.begin(), integers.end());
    }
    return all;
  }
  // Adds plans and replaces existing plans of the same problems. Throws UserError, whose message
  // begins with `op`, for a list that lists() cannot have returned.
  void take(const char* op, const std::vector<std::vector<i64>>& lists) {
    std::vector<Plan> taken;
    for (const std::vector<i64>& list : lists) {
      Integers integers{};
      WEFT_CHECK(list.size() == integers.size(), "{}: a plan of {} integers given; {} are required",
                 op, list.size(), integers.size());
      std::copy(list.begin(), list.end(), integers.begin());
      taken.push_back(std::bit_cast<Plan>(integers));
      WEFT_CHECK(taken.back().choice.workspace_bytes >= 0,
                 "{}: a workspace of {} bytes given; 0 or more are required", op,
                 taken.back().choice.workspace_bytes);
    }
    const std::lock_guard lock(mutex_);
    for (const Plan& plan : taken) plans_[plan.problem] = {plan.choice, false};
  }

 private:
  struct Kept {
    Choice choice;
    bool checked = true;  // false: a restored plan that the library has not checked yet
  };
  std::optional<Kept> find(const Problem& problem) {
    const std::lock_guard lock(mutex_);
    const auto found = plans_.find(problem);
    return found == plans_.end() ? std::nullopt : std::optional(found->second);
  }
  Choice keep(const Problem& problem, const Choice& choice) {
    const std::lock_guard lock(mutex_);
    plans_[problem] = {choice, true};
    return choice;
  }

  struct Plan {
    Problem problem;
    Choice choice;
  };
  using Integers = std::array<i64, sizeof(Plan) / sizeof(i64)>;

  std::mutex mutex_;
  std::map<Problem, Kept> plans_;
};

}  // namespace weft::kernels
