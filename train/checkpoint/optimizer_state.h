// SPDX-License-Identifier: Apache-2.0
// An optimizer's state in a checkpoint: applied steps, and by the name of each parameter, also of
// parked ones, its steps and its tensors.
#pragma once
#include "weft/optim/optimizer.h"
#include "weft/tensor/state.h"

namespace weft::train {

// Saves or loads. State of an optimizer of another kind, with other tensors, is left out with a
// warning.
void optimizer_state(State& s, optim::Optimizer& optimizer);

}  // namespace weft::train
