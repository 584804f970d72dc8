// SPDX-License-Identifier: Apache-2.0
// The values of a JSON text from a file, each with its place for messages. This header is for
// source files; it is not installed.
//
//   const auto json = parse_json<nlohmann::json>(text, "a.json");
//   const JsonField root(json, "a.json");
//   root.at("steps").integer(0, 9);  // "a.json: steps is 1.5; an integer from 0 to 9 is required"
//
// nlohmann's own get<i64>() takes 1.5 as 1, and its errors name neither file nor key.
#pragma once
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/core/json.h"
#include "weft/core/types.h"

namespace weft {

// Each function throws JsonError, with place, value and what is required, for a value of another
// type. The JSON must outlive the field.
template <class Json>
class JsonField {
 public:
  // `place` is the subject of messages: "a.safetensors: its metadata 'input'". Empty: they begin
  // with the key.
  JsonField(const Json& json, std::string place) : json_(&json), place_(std::move(place)) {}

  const Json& json() const { return *json_; }
  const std::string& place() const { return place_; }  // for a message of one's own
  // The value of a key of an object; nothing for a key that it does not have.
  std::optional<JsonField> find(std::string_view key) const;
  // Requires the key.
  JsonField at(std::string_view key) const;
  std::vector<std::pair<std::string, JsonField>> entries() const;  // of an object
  std::vector<JsonField> items() const;                            // of a list

  i64 integer() const;
  i64 integer(i64 low, i64 high) const;
  double number() const;
  std::string text() const;

 private:
  JsonField(const Json& json, std::string place, bool is_root)
      : json_(&json), place_(std::move(place)), is_root_(is_root) {}
  [[noreturn]] void refuse(std::string_view required) const;
  std::string place_of(std::string_view key) const;

  const Json* json_;
  std::string place_;
  bool is_root_ = true;  // its keys are behind ": ", those of others behind "."
};

extern template class JsonField<nlohmann::json>;
extern template class JsonField<nlohmann::ordered_json>;

}  // namespace weft
