// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

using namespace weft;

optim::ScheduleRecipe drops() {
  return optim::multi_step({.milestones = {"6ep", "9ep"}, .gamma = 0.1, .warmup = "1ep"});
}
