// SPDX-License-Identifier: Apache-2.0
// Scalars by weft's own rules, from the text as it was written and whether it was in quotes:
//   - true and false are the only bools; yes, on, True are errors
//   - 5, -5, 1e3, 2.50e2 are integers where the value is whole; 010 and 1_000 are errors
//   - numbers are finite; .5, 5., 1e-3 are numbers; .inf and .nan are errors
//   - in quotes, it is a text and nothing else; a text needs no quotes
//   - nothing after the colon is an error everywhere; null only where a value is optional
#pragma once
#include <optional>
#include <string>

#include "weft/core/duration.h"
#include "weft/core/config/node.h"

namespace weft::config {

// Why a value was not taken: a hint for the end of the message ("write 10"), or "".
using Refusal = std::optional<std::string>;

// nullopt: taken. The node may be of any kind.
Refusal take(const Node& node, bool& value);
Refusal take(const Node& node, int& value);
Refusal take(const Node& node, i64& value);
Refusal take(const Node& node, double& value);
Refusal take(const Node& node, std::string& value);
Refusal take(const Node& node, Duration& value);

// The node for a message: "'abc'", "the text \"5\"", "a list", "a section", "null", "an empty
// value".
std::string got_text(const Node& node);

}  // namespace weft::config
