// SPDX-License-Identifier: Apache-2.0
// Parses YAML text into a Node. yaml-cpp is used for its grammar only: the tree is built here from
// its events, because its own tree takes the first of duplicate keys, resolves aliases to the place
// of their anchor and does not distinguish an empty value from null (yaml-cpp 0.7).
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

constexpr int kMaxDepth = 64;
constexpr i64 kMaxNodes = 50'000;
constexpr std::size_t kMaxKeys = 1000;  // of one section

// The parsed text: a whole file, or the value of an option, whose nodes all have one place.
struct Text {
  std::string_view yaml;
  std::string source;
  bool has_lines = true;
};

// Appends a problem for duplicate keys, keys that are not text, tags, merge keys (<<), and an alias
// inside its own anchor. Aliases are expanded. Returns false, with one more problem, if the text
// cannot be a tree: it is not UTF-8, has control characters or a syntax error, has a second
// document, or takes more than one of the limits above or of Usage allows.
bool parse_yaml(const Text& text, Node& root, std::vector<Problem>& problems, Usage& used);

// Parses the value of an option of the command line, which a shell has unquoted already: a text
// that begins with [ { or ! or is in quotes is YAML, no text and null are null, and any other text
// is a scalar of exactly these characters. Returns false with a problem, as above.
bool parse_option(std::string_view text, const std::string& source, Node& value,
                  std::vector<Problem>& problems, Usage& used);

}  // namespace weft::config
