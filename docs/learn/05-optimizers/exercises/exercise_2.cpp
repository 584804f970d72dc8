// SPDX-License-Identifier: Apache-2.0
// Makes a step of AdamW with the constants of the chapter: 0.9, 0.999 and 1e-8.
// `decay` is the weight decay.
#include "adam_weight.h"

#include <cmath>

void adamw_step(AdamWeight& weight, double gradient, double lr, double decay) {
  // TODO: count the step, shrink the weight, update both means, and change the weight.
}
