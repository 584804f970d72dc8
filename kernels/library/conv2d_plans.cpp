// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/conv2d_plans.h"

#include "weft/core/error.h"

namespace weft::kernels {

const char* name_of(Conv2dType type) {
  switch (type) {
    case Conv2dType::f32: return "f32";
    case Conv2dType::f64: return "f64";
    case Conv2dType::f16: return "f16";
    case Conv2dType::bf16: return "bf16";
  }
  return "?";
}

void refuse_conv2d(const Conv2dProblem& problem, const std::string& library, const std::string& gpu,
                   const std::string& why) {
  const auto s = std::bit_cast<Conv2dShape>(problem.shape);
  fail(
      "conv2d: {} images ({}, {}, {}, {}) and a kernel of {} × {} given; {} has no plan for them "
      "on {} ({}), so another precision or run.device=cpu is required",
      name_of(problem.type), s.batch, s.height, s.width, s.channels, s.kernel.h, s.kernel.w,
      library, gpu, why);
}

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
