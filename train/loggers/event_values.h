// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "weft/train/run/logger.h"

namespace weft::train {

// The name of a value in loggers that show the values of all events together. Metrics (train/loss,
// validation/accuracy, test/loss) keep theirs; in front of another one stands its event: epoch/lr,
// gradients/norm/fc1.
std::string shown_tag(const LogEvent& event, const std::string& key);
// The numbers of an event by these names, without `step` and `epoch`.
std::vector<std::pair<std::string, double>> shown_numbers(const LogEvent& event);

// A value of a flat config (config::flatten) as what it is: true, 0.001 or a text.
using PlainValue = std::variant<bool, double, std::string>;
PlainValue plain_value(const std::string& text);

}  // namespace weft::train
