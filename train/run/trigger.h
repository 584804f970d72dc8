// SPDX-License-Identifier: Apache-2.0
// A recurring event of a run: every N whole epochs, or every N optimizer steps.
#pragma once
#include <string>

#include "weft/core/duration.h"

namespace weft::train {

class Trigger {
 public:
  // Throws UserError for a duration of 0, naming its `key`.
  Trigger(const std::string& key, const Duration& every, i64 steps_per_epoch);

  bool by_steps() const { return steps_ > 0; }
  bool due_after_epoch(i64 epochs) const { return !by_steps() && epochs % epochs_ == 0; }
  bool due_after_step(i64 steps) const { return by_steps() && steps % steps_ == 0; }
  // The first step above `steps` after which it is due; by_steps() is required.
  i64 next_step(i64 steps) const { return (steps / steps_ + 1) * steps_; }

 private:
  i64 epochs_ = 0, steps_ = 0;  // one of them is 0
};

}  // namespace weft::train
