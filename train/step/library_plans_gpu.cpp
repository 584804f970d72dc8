// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/library_plans.h"

#include "weft/core/log.h"
#include "weft/device/gpu/gpu.h"
#include "weft/kernels/library/conv2d_plans.h"
#include "weft/kernels/library/matmul_plans.h"

namespace weft::train {

void library_plans(State& s) {
  const std::string here = fmt::format("{} and {} on {}", kernels::matmul_library(),
                                       kernels::conv2d_library(), gpu::description());
  std::string place = here;
  std::vector<std::vector<i64>> matmul = kernels::matmul_plans(), conv2d = kernels::conv2d_plans();
  s("place", place)("matmul", matmul)("conv2d", conv2d);
  if (!s.loading()) return;
  if (place != here) {
    log_warning(
        "resume: the checkpoint's {} plans of products and convolutions are left out, because they are for {}; "
        "here are {}, which choose anew: not bit-exact",
        matmul.size() + conv2d.size(), place, here);
    return;
  }
  kernels::use_matmul_plans(matmul);
  kernels::use_conv2d_plans(conv2d);
}

}  // namespace weft::train
