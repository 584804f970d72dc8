// SPDX-License-Identifier: Apache-2.0
#include "weft/data/vocabulary.h"

#include <algorithm>
#include <map>

#include "weft/core/error.h"
#include "weft/core/printable.h"

namespace weft::data {
namespace {

// Calls each(character, position of its first byte) for all characters of a text.
template <class F>
void for_characters(std::string_view text, const std::string& place, const F& each) {
  for (std::size_t at = 0; at < text.size();) {
    const Character character = first_character(text.substr(at));
    WEFT_CHECK(character.bytes > 0,
               "text: {}: byte {} is {}, which is not UTF-8; text in UTF-8, or data.tokens: bytes, "
               "is required",
               place, at, printable_line(text.substr(at, 1)));
    each(character, at);
    at += character.bytes;
  }
}

}  // namespace

Vocabulary Vocabulary::of_text(std::string_view text, const std::string& place) {
  std::map<u32, std::string_view> found;
  for_characters(text, place, [&](const Character& c, std::size_t at) {
    found.try_emplace(c.code, text.substr(at, c.bytes));
  });
  Vocabulary vocabulary;
  for (const auto& [code, name] : found) {
    vocabulary.token_of_.emplace(code, static_cast<i32>(vocabulary.size()));
    vocabulary.names_.emplace_back(name);
  }
  return vocabulary;
}

Vocabulary Vocabulary::of_names(const std::vector<std::string>& names, const std::string& place) {
  Vocabulary vocabulary;
  for (const std::string& name : names) {
    const Character character = name.empty() ? Character{} : first_character(name);
    WEFT_CHECK(character.bytes > 0 && character.bytes == name.size(),
               "{}: token {} of its vocabulary is '{}'; one character in UTF-8 is required", place,
               vocabulary.size(), printable_line(excerpt(name)));
    const auto token = static_cast<i32>(vocabulary.size());
    const auto [known, is_new] = vocabulary.token_of_.emplace(character.code, token);
    WEFT_CHECK(is_new,
               "{}: tokens {} and {} of its vocabulary are both '{}'; different characters are "
               "required",
               place, known->second, token, printable_line(name));
    vocabulary.names_.push_back(name);
  }
  return vocabulary;
}

std::vector<i32> Vocabulary::tokens_of(std::string_view text, const std::string& place) const {
  std::vector<i32> tokens;
  tokens.reserve(text.size());
  for_characters(text, place, [&](const Character& c, std::size_t at) {
    const auto found = token_of_.find(c.code);
    if (found == token_of_.end())
      fail(
          "text: {} line {}: the character '{}' is not in the training text; one of its {} "
          "characters is required",
          place, 1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n'),
          printable_line(text.substr(at, c.bytes)), size());
    tokens.push_back(found->second);
  });
  return tokens;
}

}  // namespace weft::data
