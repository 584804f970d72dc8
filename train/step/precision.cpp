// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/precision.h"

namespace weft::train {
namespace {

const bool registered =
    Registry<Precision>::add<NoOptions>(
        "fp32", [](const NoOptions&) { return std::make_unique<Precision>(); }) &&
    Registry<Precision>::add<NoOptions>(
        "bf16",
        [](const NoOptions&) {
          return std::make_unique<Precision>(Precision{.compute_dtype = DType::bf16});
        }) &&
    Registry<Precision>::add<optim::LossScalerOptions>(
        "fp16", [](const optim::LossScalerOptions& options) {
          return std::make_unique<Precision>(
              Precision{.compute_dtype = DType::f16, .loss_scaling = options});
        });

}  // namespace

PrecisionRecipe fp32() { return PrecisionRecipe::of("fp32"); }
PrecisionRecipe bf16() { return PrecisionRecipe::of("bf16"); }
PrecisionRecipe fp16(const optim::LossScalerOptions& options) {
  return PrecisionRecipe::of("fp16", options);
}

}  // namespace weft::train
