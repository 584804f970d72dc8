// SPDX-License-Identifier: Apache-2.0
// Changes the scaler after a step. An overflow halves the scale. After `growth_interval` applied
// steps in a row the scale is doubled. Both begin the count anew.
#include "scaler.h"

void update(Scaler& scaler, bool overflow, int growth_interval) {
  // TODO
}
