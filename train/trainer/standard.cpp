// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainers.h"

namespace weft::train {

static const bool registered = Registry<Trainer>::add<NoOptions>(
    "standard", [](const NoOptions&, const TrainerContext& c) -> std::unique_ptr<Trainer> {
      return std::make_unique<Trainer>(c.model, c.loss, c.options);
    });

std::function<Variable(const Variable&, const TensorTree&)> outputs_of(Trainer& trainer) {
  return [&](const Variable& x, const TensorTree& more) { return trainer.outputs_of(x, more); };
}

TrainerRecipe standard() { return TrainerRecipe::of("standard"); }

}  // namespace weft::train
