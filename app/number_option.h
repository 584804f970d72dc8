// SPDX-License-Identifier: Apache-2.0
// Options of a command that take a number. They are read as the values of a config are, so that
// 1e3 is an integer and a decimal comma gets an advice.
#pragma once
#include <string>

#include "weft/app/command.h"
#include "weft/core/types.h"

namespace weft::app {

// What a number option takes, and the same in words, such as "a rate above 0".
template <class T>
struct NumberRange {
  T from, to;
  std::string required;
};

// Adds an option that stores a number from range.from to range.to in `value`, which must outlive
// the parser. Anything else is a UserError with the option, what was given and what is required.
CLI::Option* add_number_option(CLI::App& command, const std::string& name, i64& value,
                               const std::string& help, const NumberRange<i64>& range);
CLI::Option* add_number_option(CLI::App& command, const std::string& name, double& value,
                               const std::string& help, const NumberRange<double>& range);

}  // namespace weft::app
