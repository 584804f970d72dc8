// SPDX-License-Identifier: Apache-2.0
// Which values of a monitored metric are better: lower ones (a loss) or higher ones (an accuracy).
#pragma once
#include "weft/core/enum_names.h"

namespace weft {

enum class MonitorMode { min, max };
constexpr EnumNames<2> names_of(MonitorMode) { return {"min", "max"}; }

// The help of the key `mode`.
inline constexpr std::string_view kMonitorModeHelp = "min: lower is better; max: higher is better";

}  // namespace weft
