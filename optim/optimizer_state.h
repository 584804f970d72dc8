// SPDX-License-Identifier: Apache-2.0
// The state that an optimizer keeps of each parameter by name, and the report of a rebuild.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft::optim {

// The state of one parameter.
struct ParameterState {
  i64 steps = 0;              // updates of this parameter
  std::vector<Tensor> slots;  // in the order of Optimizer::slot_names(), shaped like the parameter
};
struct OptimizerState {
  i64 applied_steps = 0;
  std::map<std::string, ParameterState> parameters;  // the stashed ones included
};

// The names of the parameters by what a rebuild did with their state.
struct RebuildReport {
  std::vector<std::string> kept;
  std::vector<std::string> created;   // newly trained; the state starts at zero
  std::vector<std::string> stashed;   // no longer trained; the state is kept in the stash
  std::vector<std::string> restored;  // trained again; the state comes from the stash
};

}  // namespace weft::optim
