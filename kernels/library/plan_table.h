// SPDX-License-Identifier: Apache-2.0
// Which algorithm of a library was chosen for which problem, for as long as the process lives; and
// as lists of numbers, to be kept with a run.
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

// Problem and Choice are structs of i64 alone; Problem is ordered, and Choice has workspace_bytes.
// Thread-safe.
template <class Problem, class Choice>
class PlanTable {
 public:
  // The problem's plan: the one there is, where the library takes(choice) it, otherwise choose().
  // `what` names the problem in the warning that a plan was not taken.
  template <class Takes, class Choose, class What>
  Choice plan_for(const Problem& problem, const Takes& takes, const Choose& choose,
                  const What& what) {
    if (const auto kept = find(problem)) {
      if (kept->checked) return kept->choice;
      if (takes(kept->choice)) return keep(problem, kept->choice);
      log_warning("{} is not one of the library's; it is chosen anew", what());
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
      const auto numbers = std::bit_cast<Numbers>(Plan{problem, kept.choice});
      all.emplace_back(numbers.begin(), numbers.end());
    }
    return all;
  }
  // Beside and in place of those there are. Throws UserError, with `op` first, for what lists()
  // cannot have made.
  void take(const char* op, const std::vector<std::vector<i64>>& lists) {
    std::vector<Plan> taken;
    for (const std::vector<i64>& list : lists) {
      Numbers numbers{};
      WEFT_CHECK(list.size() == numbers.size(), "{}: a plan of {} numbers given; {} are required",
                 op, list.size(), numbers.size());
      std::copy(list.begin(), list.end(), numbers.begin());
      taken.push_back(std::bit_cast<Plan>(numbers));
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
    bool checked = true;  // false: it was given, and the library has not seen it yet
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
  using Numbers = std::array<i64, sizeof(Plan) / sizeof(i64)>;

  std::mutex mutex_;
  std::map<Problem, Kept> plans_;
};

}  // namespace weft::kernels
