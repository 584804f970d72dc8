// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainers.h"

namespace weft::train {

static const bool registered = Registry<Trainer>::add<NoOptions>(
    "standard", [](const NoOptions&, const TrainerContext& c) -> std::unique_ptr<Trainer> {
      return std::make_unique<Trainer>(c.model, c.loss, c.options);
    });

TrainerRecipe standard() { return TrainerRecipe::of("standard"); }

}  // namespace weft::train
