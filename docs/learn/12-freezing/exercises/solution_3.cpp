// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

int epoch_to_unfreeze(const std::vector<double>& losses, double ratio) {
  for (std::size_t i = 1; i < losses.size(); ++i)
    if (losses[i] > ratio * *std::min_element(losses.begin(), losses.begin() + static_cast<int>(i)))
      return static_cast<int>(i) + 1;
  return 0;
}
