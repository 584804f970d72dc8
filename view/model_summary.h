// SPDX-License-Identifier: Apache-2.0
// The table of `weft summary`: layers with their shapes, parameters, arithmetic and memory.
#pragma once
#include <string>

#include "weft/nn/cost.h"

namespace weft::view {

// What a step needs besides the model.
struct StepSetting {
  i64 batch_size = 1;                // samples whose activations are held at once
  DType compute_dtype = DType::f32;  // of products (train/step/precision.h)
  std::string optimizer = "";
  double optimizer_bytes = 0;  // of its state
};

// A row per module and the totals, below them in sentences. FLOPs are of one sample, activations of
// a batch (Note [The cost of a layer], nn/cost.h).
std::string summary_text(const nn::ModelCost& cost, const Shape& sample,
                         const StepSetting& setting);

// "0", "512", "12.3k", "4.56M", "3.63G".
std::string count_text(double count);

}  // namespace weft::view
