// SPDX-License-Identifier: Apache-2.0
// What cuBLASLt and cuDNN were made to compute with, as a part of a checkpoint.
//
// Note [Plans of a run]
// Which algorithm a library takes for a product or a convolution may differ from one process to the
// next (autotuning is a race), and with it the last bits. So a run on a GPU saves its choices, and
// goes on with them. They hold for these versions of the libraries on this GPU; elsewhere the
// libraries choose anew, and the log says so.
#pragma once
#include "weft/tensor/state.h"

namespace weft::train {

// In builds for a GPU. To be loaded before the first step: plans apply to what has not been
// recorded as a graph.
void library_plans(State& s);

}  // namespace weft::train
