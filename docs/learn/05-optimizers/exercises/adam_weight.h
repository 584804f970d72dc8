// SPDX-License-Identifier: Apache-2.0
#pragma once

// A weight with the running means of Adam, m and v of the chapter, and the number of steps made.
struct AdamWeight {
  double w = 0, mean = 0, square = 0;
  int steps = 0;
};
