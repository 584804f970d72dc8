// SPDX-License-Identifier: Apache-2.0
// Which values of a monitored metric are better: lower ones (a loss) or higher ones (an accuracy).
// `by_metric` is the mode that the metric says (train/metrics/monitor_modes.h), which a run and a
// trainer put in its place. Elsewhere it is `min`.
#pragma once
#include "weft/core/enum_names.h"

namespace weft {

enum class MonitorMode { min, max, by_metric };
constexpr EnumNames<3> names_of(MonitorMode) { return {"min", "max", "auto"}; }

// The help of the key `mode`.
inline constexpr std::string_view kMonitorModeHelp =
    "min: lower is better; max: higher is better; auto: as the metric is";

}  // namespace weft
