// SPDX-License-Identifier: Apache-2.0
// Precision: in which type a run multiplies (autograd/autocast.h). Weights, gradients and optimizer
// state are f32 in each of them.
#pragma once
#include <optional>

#include "weft/core/registry.h"
#include "weft/optim/loss_scaler.h"
#include "weft/tensor/dtype.h"

namespace weft::train {

struct Precision {
  static constexpr const char* kKind = "precision";
  DType compute_dtype = DType::f32;
  // For types whose range is too small for gradients as they are.
  std::optional<optim::LossScalerOptions> loss_scaling = {};
};

using PrecisionRecipe = Recipe<Precision>;

PrecisionRecipe fp32();
// 8 bits of precision, the range of f32: no loss scaling.
PrecisionRecipe bf16();
// 11 bits of precision, 6e-8 to 65504: with loss scaling.
PrecisionRecipe fp16(const optim::LossScalerOptions& options = {});

}  // namespace weft::train
