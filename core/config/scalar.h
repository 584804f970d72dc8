// SPDX-License-Identifier: Apache-2.0
// Scalars are typed by weft's own rules, from the text as it was written and whether it was quoted:
//   - true and false are the only bools; yes, on, True are errors
//   - 5, -5, 1e3, 2.50e2 are integers where the value is whole; 010 and 1_000 are errors
//   - numbers are finite; .5, 5., 1e-3 are numbers; .inf and .nan are errors
//   - a quoted scalar is always a text; a text needs no quotes
//   - an empty value after the colon is always an error; null is allowed only for optional values
#pragma once
#include <optional>
#include <string>

#include "weft/core/duration.h"
#include "weft/core/seconds.h"
#include "weft/core/config/node.h"

namespace weft::config {

// Why a value was refused: a hint for the end of the message ("write 10"), or "".
using Refusal = std::optional<std::string>;

// Returns nullopt if the value was taken. The node may be of any kind.
Refusal take(const Node& node, bool& value);
Refusal take(const Node& node, int& value);
Refusal take(const Node& node, i64& value);
Refusal take(const Node& node, double& value);
Refusal take(const Node& node, std::string& value);
Refusal take(const Node& node, Duration& value);
Refusal take(const Node& node, Seconds& value);

// The numbers that a text with a comma may mean, in this notation: 1,5 is 1.5; 1,000,000 and
// 1,000.5 have thousands; 1,000 may be either. "" where it is none. An integer has no decimal
// comma.
struct CommaNumbers {
  std::string decimal, thousands;
};
CommaNumbers comma_numbers(std::string_view text, bool is_integer);

// Advice where YAML may have cut a number in two at a comma: "0.001 if 0,001 is one number", or "".
std::string if_one_number(std::string_view left, std::string_view right, bool is_integer = false);

// Whether a text is a number as it must be written here.
bool is_number(std::string_view text, bool is_integer);

// Describes the node in a message: "'abc'", "the text \"5\"", "a list", "a section", "null", "an
// empty value".
std::string got_text(const Node& node);

}  // namespace weft::config
