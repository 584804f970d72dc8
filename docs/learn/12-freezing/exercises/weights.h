// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <map>
#include <string>

// The weights of a model, and the momentum that an optimizer keeps of each.
struct Weights {
  std::map<std::string, double> value, momentum;
};
