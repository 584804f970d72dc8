// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// The output for a batch of `samples` zeros, in evaluation mode and without gradients. A dry run
// shows output shapes and fixes file layouts (Note [Flatten and file layout]). It leaves weights,
// statistics, random numbers and modes as they are. `dtype` is the dtype of the samples; its
// default is that of the first parameter.
Tensor dry_run(Module& module, const Shape& sample, DType dtype, i64 samples = 1);
Tensor dry_run(Module& module, const Shape& sample);

}  // namespace weft::nn
