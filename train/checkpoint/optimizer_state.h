// SPDX-License-Identifier: Apache-2.0
// An optimizer's state in a checkpoint: the applied steps, and for each parameter, by name, its
// steps and its tensors. Stashed state of frozen parameters is included.
#pragma once
#include "weft/optim/optimizer.h"
#include "weft/tensor/state.h"

namespace weft::train {

// Saves or loads the state. State of another type of optimizer, with other tensors, is ignored with
// a warning.
void optimizer_state(State& s, optim::Optimizer& optimizer);

}  // namespace weft::train
