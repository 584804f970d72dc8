// SPDX-License-Identifier: Apache-2.0
// Strategy: decides what trains when. It controls a Trainer: it freezes and unfreezes parameters by
// name, sets learning rates, and rebuilds optimizer and schedule. A config lists strategies by name
// (`strategy:`). A hand-written loop adds one as an observer. Entries: staged_unfreeze,
// freeze_batch_norm, progressive_resize.
//
// The hooks, in the order of a run:
//   on_setup            after the run is built; throws UserError for options that do not fit it
//   state               when a run is resumed
//   on_train_begin      brings the trainer to the state that was loaded. The optimizer's own state
//                       is loaded after it, so it must unfreeze the parameters that train there
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
