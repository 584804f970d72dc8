// SPDX-License-Identifier: Apache-2.0
// Every single-edit typo of every key of a config, and its message.
#pragma once
#include <algorithm>
#include <cctype>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/node.h"

namespace weft::config::typos {

// One edit: a letter left out, doubled, replaced or added, two neighbours swapped.
inline std::set<std::string> typos_of(const std::string& key) {
  std::set<std::string> typos;
  for (std::size_t i = 0; i <= key.size(); ++i) {
    for (const char letter : {'e', 'x'}) {
      typos.insert(key.substr(0, i) + letter + key.substr(i));
      if (i < key.size()) typos.insert(key.substr(0, i) + letter + key.substr(i + 1));
    }
    if (i < key.size()) typos.insert(key.substr(0, i) + key.substr(i + 1));
    if (i + 1 < key.size())
      typos.insert(key.substr(0, i) + key[i + 1] + key[i] + key.substr(i + 2));
  }
  typos.erase(key);
  typos.erase("");
  return typos;
}

struct Key {
  std::string name;
  std::size_t offset;
  int line, column;
};

inline std::vector<Key> keys_of(const std::string& yaml) {
  std::vector<Key> keys;
  int line = 1;
  std::size_t line_begin = 0;
  for (std::size_t at = 0; at < yaml.size(); ++at) {
    if (yaml[at] == '\n') ++line, line_begin = at + 1;
    if (yaml[at] != ':') continue;
    std::size_t begin = at;
    while (begin > 0 &&
           (std::isalpha(static_cast<unsigned char>(yaml[begin - 1])) || yaml[begin - 1] == '_'))
      --begin;
    keys.push_back(
        {yaml.substr(begin, at - begin), begin, line, static_cast<int>(begin - line_begin) + 1});
  }
  return keys;
}

struct Count {
  int keys = 0, typos = 0, right = 0;  // right: the suggestion is the key that was meant
};

// Fails the test for a typo that is not reported at its own place, or not by exactly one problem.
// `refusal` returns the message for a text in `file`. Keys may be written anywhere except in
// comments, and no value may hold a colon.
inline Count check_every_typo(const std::string& yaml, const std::string& file,
                              const std::function<std::string(const std::string&)>& refusal) {
  Count count;
  const auto keys = keys_of(yaml);
  std::set<std::string> names;
  for (const Key& key : keys) names.insert(key.name);
  for (const Key& key : keys) {
    ++count.keys;
    for (const std::string& typo : typos_of(key.name)) {
      if (names.contains(typo)) continue;
      std::string changed = yaml;
      changed.replace(key.offset, key.name.size(), typo);
      const std::string message = refusal(changed);
      const std::string place = Place{file, key.line, key.column}.to_string() + ": ";
      EXPECT_EQ(message.substr(0, place.size()), place) << typo << " for " << key.name;
      EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 0) << message;
      ++count.typos;
      count.right += message.ends_with("did you mean '" + key.name + "'?");
    }
  }
  return count;
}

}  // namespace weft::config::typos
