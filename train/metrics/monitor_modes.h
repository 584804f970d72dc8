// SPDX-License-Identifier: Apache-2.0
// The direction of what is monitored (checkpoint, early_stopping, plateau): that of its metric.
#pragma once
#include <string>

#include "weft/core/fields.h"

namespace weft::train {

// Replaces each `mode: auto` beside a key `monitor` by min or max, as the metric says
// (Metric::better()). A loss is better low. Warns where a metric does not say it; `path` precedes
// the keys in the warning.
void set_monitor_modes(ValueRef value, const std::string& path = "");

}  // namespace weft::train
