// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d_plans.h"

namespace weft::kernels {

std::vector<std::vector<i64>> conv2d_plans() { return detail::conv2d_table().lists(); }
void use_conv2d_plans(const std::vector<std::vector<i64>>& plans) {
  detail::conv2d_table().take("use_conv2d_plans", plans);
}
void forget_conv2d_plans() { detail::conv2d_table().forget(); }

// The table is never destroyed, as the library's handles are not.
PlanTable<Conv2dProblem, Conv2dChoice>& detail::conv2d_table() {
  static auto* shared = new PlanTable<Conv2dProblem, Conv2dChoice>;
  return *shared;
}

}  // namespace weft::kernels
