// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/matmul_plans.h"

#include <atomic>

namespace weft::kernels {
namespace {

std::atomic<bool> autotune{false};

}  // namespace

void set_matmul_autotune(bool on) { autotune = on; }
bool matmul_autotune() { return autotune; }

std::vector<std::vector<i64>> matmul_plans() { return detail::matmul_table().lists(); }
void use_matmul_plans(const std::vector<std::vector<i64>>& plans) {
  detail::matmul_table().take("use_matmul_plans", plans);
}
void forget_matmul_plans() { detail::matmul_table().forget(); }

// The table is never destroyed, because destructors of static objects may still compute products.
PlanTable<MatmulProduct, MatmulChoice>& detail::matmul_table() {
  static auto* shared = new PlanTable<MatmulProduct, MatmulChoice>;
  return *shared;
}

}  // namespace weft::kernels
