// SPDX-License-Identifier: Apache-2.0
#include "scaler.h"

void update(Scaler& scaler, bool overflow, int growth_interval) {
  if (overflow) {
    scaler = {scaler.scale / 2, 0};
  } else if (++scaler.good_steps == growth_interval) {
    scaler = {scaler.scale * 2, 0};
  }
}
