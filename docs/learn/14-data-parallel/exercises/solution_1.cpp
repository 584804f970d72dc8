// SPDX-License-Identifier: Apache-2.0
#include "ranks.h"

double mean_gradient(const std::vector<Share>& shares) {
  double sum = 0, samples = 0;
  for (const Share& share : shares) {
    sum += share.mean * share.samples;
    samples += share.samples;
  }
  return sum / samples;
}
