// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// What a rank knows of its part of a batch: the mean gradient, and of how many samples.
struct Share {
  double mean = 0;
  int samples = 0;
};
