// SPDX-License-Identifier: Apache-2.0
// Returns a recipe with a linear warm-up over the first epoch, whose factor then is 1, from the sixth
// epoch's end on a tenth, and from the ninth epoch's end on a hundredth.
#include <weft/weft.h>

using namespace weft;

optim::ScheduleRecipe drops() {
  // TODO: optim/schedules.h lists the schedules and their options.
  return optim::constant();
}
