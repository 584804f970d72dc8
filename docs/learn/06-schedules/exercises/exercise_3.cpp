// SPDX-License-Identifier: Apache-2.0
// Returns a recipe: a linear warm-up over the first epoch, then the factor 1, from the end of the
// sixth epoch on 0.1, and from the end of the ninth on 0.01. An epoch may have any number of steps.
#include <weft/weft.h>

using namespace weft;

optim::ScheduleRecipe drops() {
  // TODO: optim/schedules.h lists the schedules and their options.
  return optim::constant();
}
