// SPDX-License-Identifier: Apache-2.0
#pragma once

// A loss scale, and how many steps in a row were applied since it changed.
struct Scaler {
  double scale = 65536;
  int good_steps = 0;
};
