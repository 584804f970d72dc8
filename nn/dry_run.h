// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// The output of a batch of `samples` samples of zeros, in evaluation mode and without gradients:
// shows shapes, fixes file layouts (Note [Flatten and file layout]), leaves weights, statistics,
// random numbers and modes as they are. `dtype` defaults to that of the first parameter.
Tensor dry_run(Module& module, const Shape& sample, DType dtype, i64 samples = 1);
Tensor dry_run(Module& module, const Shape& sample);

}  // namespace weft::nn
