// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/event_values.h"

#include <charconv>
#include <cmath>

namespace weft::train {

std::string shown_tag(const LogEvent& event, const std::string& key) {
  for (const char* split : {"train/", "validation/", "test/"})
    if (key.starts_with(split)) return key;
  return event.name + "/" + key;
}

std::vector<std::pair<std::string, double>> shown_numbers(const LogEvent& event) {
  std::vector<std::pair<std::string, double>> numbers;
  for (const auto& [key, value] : event.values) {
    if (key == "step" || key == "epoch") continue;
    if (const auto* number = std::get_if<double>(&value))
      numbers.emplace_back(shown_tag(event, key), *number);
    else if (const auto* count = std::get_if<i64>(&value))
      numbers.emplace_back(shown_tag(event, key), static_cast<double>(*count));
  }
  return numbers;
}

PlainValue plain_value(const std::string& text) {
  if (text == "true" || text == "false") return text == "true";
  double number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (read.ec == std::errc() && read.ptr == end && std::isfinite(number)) return number;
  return text;
}

}  // namespace weft::train
