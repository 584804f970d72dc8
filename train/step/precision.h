// SPDX-License-Identifier: Apache-2.0
// Precision: the dtype of a run's matrix products and convolutions (autograd/autocast.h). Weights,
// gradients and optimizer state are f32 in every precision.
#pragma once
#include <optional>

#include "weft/core/registry.h"
#include "weft/optim/loss_scaler.h"
#include "weft/tensor/dtype.h"

namespace weft::train {

struct Precision {
  static constexpr const char* kKind = "precision";
  DType compute_dtype = DType::f32;
  // For dtypes whose range is too small for unscaled gradients.
  std::optional<optim::LossScalerOptions> loss_scaling = {};
};

using PrecisionRecipe = Recipe<Precision>;

PrecisionRecipe fp32();
// bf16 has 8 bits of precision and the range of f32, so it needs no loss scaling.
PrecisionRecipe bf16();
// fp16 has 11 bits of precision and a range of 6e-8 to 65504, so it needs loss scaling.
PrecisionRecipe fp16(const optim::LossScalerOptions& options = {});

}  // namespace weft::train
