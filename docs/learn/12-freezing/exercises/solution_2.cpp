// SPDX-License-Identifier: Apache-2.0
#include "weights.h"

void step(Weights& weights, const std::map<std::string, double>& gradient) {
  for (const auto& [name, g] : gradient) {
    double& m = weights.momentum[name];  // 0 if it was not there
    m = 0.5 * m + g;
    weights.value.at(name) -= 0.1 * m;
  }
}
