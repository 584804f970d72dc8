// SPDX-License-Identifier: Apache-2.0
// Returns the mean gradient over the samples of all ranks. A rank may have no samples.
#include "ranks.h"

double mean_gradient(const std::vector<Share>& shares) {
  double sum = 0;
  // TODO: this is the mean of the means, which counts a rank of one sample like one of many.
  for (const Share& share : shares) sum += share.mean;
  return sum / static_cast<double>(shares.size());
}
