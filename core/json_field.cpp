// SPDX-License-Identifier: Apache-2.0
#include "weft/core/json_field.h"

#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/printable.h"

namespace weft {

namespace {

// Returns a value for a message: of a long text the beginning, of a container the kind.
template <class Json>
std::string shown_json(const Json& json) {
  if (json.is_object()) return "an object";
  if (json.is_array()) return "a list";
  if (!json.is_string()) return json.dump();
  const auto& text = *json.template get_ptr<const typename Json::string_t*>();
  return fmt::format("'{}'", printable_line(excerpt(text)));
}

// Nothing for another type, and for an integer that does not fit.
template <class Json>
std::optional<i64> i64_in(const Json& json) {
  if (!json.is_number_integer()) return std::nullopt;
  constexpr auto kMost = static_cast<u64>(std::numeric_limits<i64>::max());
  if (json.is_number_unsigned() && json.template get<u64>() > kMost) return std::nullopt;
  return json.template get<i64>();
}

}  // namespace

template <class Json>
std::string JsonField<Json>::place_of(std::string_view key) const {
  const char* const between = place_.empty() ? "" : is_root_ ? ": " : ".";
  return fmt::format("{}{}{}", printable(place_), between, excerpt(printable_line(key)));
}

template <class Json>
void JsonField<Json>::refuse(std::string_view required) const {
  throw JsonError(fmt::format("{} is {}; {} is required",
                              place_.empty() ? "the JSON" : printable(place_), shown_json(*json_),
                              required));
}

template <class Json>
std::optional<JsonField<Json>> JsonField<Json>::find(std::string_view key) const {
  if (!json_->is_object()) refuse("an object");
  const auto found = json_->find(std::string(key));
  if (found == json_->end()) return std::nullopt;
  return JsonField(*found, place_of(key), false);
}

template <class Json>
JsonField<Json> JsonField<Json>::at(std::string_view key) const {
  std::optional<JsonField> found = find(key);
  if (!found) throw JsonError(fmt::format("{} is missing; it is required", place_of(key)));
  return *std::move(found);
}

template <class Json>
std::vector<std::pair<std::string, JsonField<Json>>> JsonField<Json>::entries() const {
  if (!json_->is_object()) refuse("an object");
  std::vector<std::pair<std::string, JsonField>> fields;
  for (const auto& entry : json_->items())
    fields.emplace_back(entry.key(), JsonField(entry.value(), place_of(entry.key()), false));
  return fields;
}

template <class Json>
std::vector<JsonField<Json>> JsonField<Json>::items() const {
  if (!json_->is_array()) refuse("a list");
  std::vector<JsonField> fields;
  for (const Json& item : *json_)
    fields.push_back(JsonField(item, fmt::format("{}[{}]", place_, fields.size()), false));
  return fields;
}

template <class Json>
i64 JsonField<Json>::integer() const {
  const std::optional<i64> value = i64_in(*json_);
  if (!value) refuse("an integer");
  return *value;
}

template <class Json>
i64 JsonField<Json>::integer(i64 low, i64 high) const {
  const std::optional<i64> value = i64_in(*json_);
  if (!value || *value < low || *value > high)
    refuse(fmt::format("an integer from {} to {}", low, high));
  return *value;
}

template <class Json>
double JsonField<Json>::number() const {
  if (!json_->is_number()) refuse("a number");
  return json_->template get<double>();
}

template <class Json>
std::string JsonField<Json>::text() const {
  if (!json_->is_string()) refuse("a text");
  return json_->template get<std::string>();
}

template class JsonField<nlohmann::json>;
template class JsonField<nlohmann::ordered_json>;

}  // namespace weft
