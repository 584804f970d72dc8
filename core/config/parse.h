// SPDX-License-Identifier: Apache-2.0
// YAML text -> Node. yaml-cpp is used for its grammar only: we take its events and build the tree,
// because its own tree takes the first of duplicate keys, resolves aliases to the place of their
// anchor and does not tell an empty value from null (yaml-cpp 0.7).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

constexpr i64 kMaxBytes = 1 << 20;
constexpr int kMaxDepth = 64;
constexpr i64 kMaxNodes = 100'000;  // after aliases are expanded

// What is parsed: a whole file, or the value of an option, whose nodes all have one place.
struct Text {
  std::string_view yaml;
  std::string source;
  bool has_lines = true;
};

// Problems are appended: duplicate keys, keys that are no text, tags, merge keys (<<), an alias in
// its own anchor. Aliases are expanded. False (and one more problem) for what cannot be a tree: a
// syntax error, a second document, or one of the limits above.
bool parse_yaml(const Text& text, Node& root, std::vector<Problem>& problems);

}  // namespace weft::config
