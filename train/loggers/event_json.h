// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include "weft/train/run/logger.h"

namespace weft::train {

// The values of an event, in their order. JSON has no NaN; null represents it. A table is a list of
// its rows.
nlohmann::ordered_json values_of(const LogEvent& event);

// Every line has the version of the schema; keys are only added to it, never removed.
inline constexpr int kMetricsSchema = 1;
// The line of an event in metrics.jsonl, without its line feed.
std::string line_of(const LogEvent& event);

}  // namespace weft::train
