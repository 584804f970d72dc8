// SPDX-License-Identifier: Apache-2.0
// What an optimizer keeps of each parameter, by name, and what a rebuild did with it.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft::optim {

// The state of one parameter.
struct ParameterState {
  i64 steps = 0;              // updates it has had
  std::vector<Tensor> slots;  // in the order of Optimizer::slot_names(), shaped like the parameter
};
struct OptimizerState {
  i64 applied_steps = 0;
  std::map<std::string, ParameterState> parameters;  // stashed ones too
};

// What became of the state of each parameter, by name.
struct RebuildReport {
  std::vector<std::string> kept;
  std::vector<std::string> created;   // trained from now on, state at zero
  std::vector<std::string> stashed;   // no longer trained; state put aside
  std::vector<std::string> restored;  // trained again, state from the stash
};

}  // namespace weft::optim
