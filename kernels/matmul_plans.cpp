// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/matmul_plans.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <map>
#include <mutex>
#include <utility>

#include "weft/core/error.h"

namespace weft::kernels {
namespace {

std::atomic<bool> autotune{false};

struct Table {
  std::mutex mutex;
  std::map<MatmulProduct, detail::KeptMatmulPlan> plans;
};
// Never destroyed: products may be asked for by static objects.
Table& table() {
  static auto* shared = new Table;
  return *shared;
}

struct Plan {
  MatmulProduct product;
  MatmulChoice choice;
};
using Numbers = std::array<i64, sizeof(Plan) / sizeof(i64)>;

}  // namespace

void set_matmul_autotune(bool on) { autotune = on; }
bool matmul_autotune() { return autotune; }

std::vector<std::vector<i64>> matmul_plans() {
  const std::lock_guard lock(table().mutex);
  std::vector<std::vector<i64>> all;
  for (const auto& [product, kept] : table().plans) {
    const auto numbers = std::bit_cast<Numbers>(Plan{product, kept.choice});
    all.emplace_back(numbers.begin(), numbers.end());
  }
  return all;
}

void use_matmul_plans(const std::vector<std::vector<i64>>& plans) {
  std::vector<Plan> taken;
  for (const std::vector<i64>& plan : plans) {
    Numbers numbers{};
    WEFT_CHECK(plan.size() == numbers.size(),
               "use_matmul_plans: a plan of {} numbers given; {} are required", plan.size(),
               numbers.size());
    std::copy(plan.begin(), plan.end(), numbers.begin());
    taken.push_back(std::bit_cast<Plan>(numbers));
    WEFT_CHECK(taken.back().choice.workspace_bytes >= 0,
               "use_matmul_plans: a workspace of {} bytes given; 0 or more are required",
               taken.back().choice.workspace_bytes);
  }
  const std::lock_guard lock(table().mutex);
  for (const Plan& plan : taken) table().plans[plan.product] = {plan.choice, false};
}

void forget_matmul_plans() {
  const std::lock_guard lock(table().mutex);
  table().plans.clear();
}

std::optional<detail::KeptMatmulPlan> detail::kept_matmul_plan(const MatmulProduct& product) {
  const std::lock_guard lock(table().mutex);
  const auto found = table().plans.find(product);
  return found == table().plans.end() ? std::nullopt : std::optional(found->second);
}

void detail::keep_matmul_plan(const MatmulProduct& product, const MatmulChoice& choice) {
  const std::lock_guard lock(table().mutex);
  table().plans[product] = {choice, true};
}

}  // namespace weft::kernels
