// SPDX-License-Identifier: Apache-2.0
// The algorithms that cuBLASLt and cuDNN compute with, as a part of a checkpoint.
//
// Note [Plans of a run]
// The algorithm that a library chooses for a product or a convolution may differ between processes,
// because autotuning compares measured times. The last bits of a result depend on it. So a run on a
// GPU saves its choices, and a resumed run uses them again. They are valid for the same versions of
// the libraries on the same GPU. Otherwise the libraries choose again, and the log says so.
#pragma once
#include "weft/tensor/state.h"

namespace weft::train {

// Saves or loads the plans, in builds for a GPU. They must be loaded before the first step: plans
// do not apply to graphs that were recorded before.
void library_plans(State& s);

}  // namespace weft::train
