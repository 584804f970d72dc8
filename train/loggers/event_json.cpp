// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/event_json.h"

#include <cmath>

namespace weft::train {
namespace {

nlohmann::ordered_json json_of(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}
nlohmann::ordered_json json_of(const Tensor& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (i64 r = 0; r < table.size(0); ++r) rows.push_back(table.slice(r, r + 1).to_vector<i64>());
  return rows;
}
template <class T>
nlohmann::ordered_json json_of(const T& value) {
  return value;
}

}  // namespace

nlohmann::ordered_json values_of(const LogEvent& event) {
  nlohmann::ordered_json values = nlohmann::ordered_json::object();
  for (const auto& [key, value] : event.values)
    values[key] = std::visit([](const auto& held) { return json_of(held); }, value);
  return values;
}

std::string line_of(const LogEvent& event) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema}, {"event", event.name}};
  line.update(values_of(event));
  // The reason of a failure may name a file in any encoding.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace weft::train
