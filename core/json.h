// SPDX-License-Identifier: Apache-2.0
// The only parser for JSON that comes from a file. It is bounded where nlohmann's own is not: depth
// (its dump() recurses), time (its ordered objects search all keys at each new one), and duplicate
// keys, of which it keeps one. This header is for source files; it is not installed.
#pragma once
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "weft/core/error.h"

namespace weft {

class JsonError : public UserError {
 public:
  using UserError::UserError;
};

constexpr int kMaxJsonDepth = 64;

// Parses nlohmann::json or nlohmann::ordered_json in linear time (n log n in the keys of an
// object). `what` is the subject of error messages: "checkpoint runs/a: manifest.json". Throws
// JsonError for a text that is no JSON, has anything but spaces behind its value, nests more than
// `max_depth` lists and objects, or gives a key of an object twice.
template <class Json>
Json parse_json(std::string_view text, std::string_view what, int max_depth = kMaxJsonDepth);

extern template nlohmann::json parse_json(std::string_view, std::string_view, int);
extern template nlohmann::ordered_json parse_json(std::string_view, std::string_view, int);

}  // namespace weft
