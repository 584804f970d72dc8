// SPDX-License-Identifier: Apache-2.0
#include "weft/app/number_option.h"

#include <fmt/format.h>

#include "weft/core/config/scalar.h"
#include "weft/core/printable.h"

namespace weft::app {
namespace {

template <class T>
T number_in(const std::string& option, const std::string& text, const NumberRange<T>& range) {
  const config::Node given{.kind = config::Node::Kind::scalar, .text = text};
  T number{};
  const config::Refusal refusal = config::take(given, number);
  const std::string advice = refusal.value_or("");
  WEFT_CHECK(!refusal && number >= range.from && number <= range.to,
             "command line: {}: '{}' given; {} is required{}", option, excerpt(text),
             range.required, advice.empty() ? "" : " (" + advice + ")");
  return number;
}

template <class T>
CLI::Option* add_option(CLI::App& command, const std::string& name, T& value,
                        const std::string& help, const NumberRange<T>& range,
                        const char* type_name) {
  return command
      .add_option_function<std::string>(
          name,
          [name, range, &value](const std::string& text) { value = number_in(name, text, range); },
          help)
      ->type_name(type_name);
}

}  // namespace

CLI::Option* add_number_option(CLI::App& command, const std::string& name, i64& value,
                               const std::string& help, const NumberRange<i64>& range) {
  return add_option(command, name, value, help, range, "INT");
}
CLI::Option* add_number_option(CLI::App& command, const std::string& name, double& value,
                               const std::string& help, const NumberRange<double>& range) {
  return add_option(command, name, value, help, range, "FLOAT");
}

}  // namespace weft::app
