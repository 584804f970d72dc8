// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/trigger.h"

#include <algorithm>

#include "weft/core/error.h"

namespace weft::train {

Trigger::Trigger(const std::string& key, const Duration& every, i64 steps_per_epoch) {
  WEFT_CHECK(!every.is_zero(), "{}: 0 given; a duration above 0 is required", key);
  if (every.is_whole_epochs()) epochs_ = static_cast<i64>(every.amount());
  else steps_ = std::max<i64>(1, every.steps(steps_per_epoch));
}

}  // namespace weft::train
