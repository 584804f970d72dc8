// SPDX-License-Identifier: Apache-2.0
// Strategy: the how and when of training. It steers a Trainer between epochs: toggles requires_grad by
// name, has optimizer and schedule rebuilt.
#pragma once
#include "weft/core/registry.h"
#include "weft/train/trainer.h"

namespace weft::train {

class Strategy {
 public:
  static constexpr const char* kKind = "strategy";
  virtual ~Strategy() = default;
  virtual void on_train_begin(Trainer&) {}
  // `epoch` counts from 0: the epochs that are done.
  virtual void on_epoch_begin(Trainer&, i64 /*epoch*/) {}
  virtual void on_epoch_end(Trainer&, const EpochResult&) {}
};

using StrategyRecipe = Recipe<Strategy>;

}  // namespace weft::train
