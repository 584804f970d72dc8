// SPDX-License-Identifier: Apache-2.0
// Returns the epoch after which the next layer should be unfrozen: the first whose loss is above
// `ratio` times the lowest loss of all epochs before it. losses[0] is that of epoch 1. Returns 0 if
// there is none.
#include <algorithm>
#include <vector>

int epoch_to_unfreeze(const std::vector<double>& losses, double ratio) {
  // TODO: the first epoch has none before it.
  return 0;
}
