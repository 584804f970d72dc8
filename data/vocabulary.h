// SPDX-License-Identifier: Apache-2.0
// Vocabulary: the characters of a text, which are Unicode code points, with a token for each. The
// class names of a dataset of characters are its vocabulary, and so a weights file has it.
#pragma once
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "weft/core/types.h"

namespace weft::data {

class Vocabulary {
 public:
  // The characters of a text, which `place` names in messages, in the order of their codes. Throws
  // UserError for a byte that is not UTF-8.
  static Vocabulary of_text(std::string_view text, const std::string& place);
  // Token i is the character names[i]. The names may come from a file that other people wrote.
  // Throws UserError, which begins with `place`, unless each is one character and all differ.
  static Vocabulary of_names(const std::vector<std::string>& names, const std::string& place);

  i64 size() const { return static_cast<i64>(names_.size()); }
  const std::vector<std::string>& names() const { return names_; }
  // The tokens of a text. Throws UserError for a byte that is not UTF-8, and for a character that
  // the vocabulary does not have. No token stands for unknown characters, because a model would
  // never have been trained on it.
  std::vector<i32> tokens_of(std::string_view text, const std::string& place) const;

 private:
  std::vector<std::string> names_;         // in UTF-8
  std::unordered_map<u32, i32> token_of_;  // of a code point
};

}  // namespace weft::data
