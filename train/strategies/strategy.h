// SPDX-License-Identifier: Apache-2.0
// Strategy: the how and when of training. It steers a Trainer: freezes and unfreezes parameters by
// name, sets learning rates, has optimizer and schedule rebuilt. A config lists them by name
// (`strategy:`); a hand-written loop adds one as an observer. Entries: staged_unfreeze,
// freeze_batch_norm, progressive_resize.
//
// The order of a run:
//   on_setup            once it is built: what does not fit is a UserError here
//   state               when a run is resumed
//   on_train_begin      brings the trainer to where the state says;
//                       the optimizer's own state is loaded
//                       after it, so parameters that train then must train now
//   then the hooks of TrainerObserver
#pragma once
#include "weft/core/registry.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {

using weft::State;

class Strategy : public TrainerObserver {
 public:
  virtual void on_setup(Trainer&) {}
  virtual void on_train_begin(Trainer&) {}
  virtual void state(State&) {}
};

}  // namespace weft::train

namespace weft {
template <>
struct RegistryTraits<train::Strategy> : RegistryDefaults<train::Strategy> {
  static constexpr const char* kind = "strategy";
  static constexpr bool can_be_disabled = true;
};
}  // namespace weft

namespace weft::train {
using StrategyRecipe = Recipe<Strategy>;
}
