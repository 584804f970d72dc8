// SPDX-License-Identifier: Apache-2.0
// A config is a tree of texts, each with the place where it was written. Values get a type only
// when they are read into a struct (reader.h). Composing, overriding and interpolating happen
// before that, on this tree.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/core/types.h"

namespace weft::config {

struct Place {
  std::string source;        // "configs/digits_mlp.yaml", "command line"
  int line = 0, column = 0;  // from 1; line 0: the source has no lines

  std::string to_string() const;  // "configs/digits_mlp.yaml:4:12", "command line"
  friend bool operator==(const Place&, const Place&) = default;
};

// A Problem is one mistake in a config. Its path is "optimizer.lr", "strategy.stages[1].at", or ""
// for the whole config.
struct Problem {
  Place place;
  std::string path;
  std::string message;

  std::string to_string() const;  // "place: path: message", on one line
  friend bool operator==(const Problem&, const Problem&) = default;
};

constexpr std::size_t kMaxProblems = 100;

// Appends a problem. The one after the first kMaxProblems says that there are more, and any further
// one is dropped: a text of 1 MiB can have 100,000 mistakes.
void add_problem(std::vector<Problem>& problems, Problem problem);
inline bool is_full(const std::vector<Problem>& problems) { return problems.size() > kMaxProblems; }

constexpr i64 kMaxBytes = 1 << 20;

// What the files and options of one config have taken of the limits that they share. Reading a
// config takes memory in proportion to these limits, whatever the files say.
struct Usage {
  i64 bytes = 0;                        // of files and options, at most kMaxBytes
  i64 nodes = 0;                        // after aliases are expanded, and those that anchors keep
  i64 text_bytes = 0;                   // of the texts of these nodes, and of inserted variables
  std::vector<std::string> files = {};  // that were read, in this order
};

// An Entry is a key with its value. It is a template, because a Node holds a vector of entries
// before it is complete.
template <class N>
struct KeyValue {
  std::string key;
  Place place;  // of the key
  N value;
};
struct Node;
using Entry = KeyValue<Node>;

struct Node {
  enum class Kind { null, scalar, list, map };

  Kind kind = Kind::null;
  Place place = {};
  std::string text =
      {};               // of a scalar; of a null as written: "null", "~", or "" for nothing at all
  bool quoted = false;  // "5" and '5' are texts, 5 may be a number
  std::vector<Node> items = {};
  std::vector<Entry> entries = {};  // of a map, in order; keys are unique

  bool is(Kind of) const { return kind == of; }
  bool is_empty_value() const { return kind == Kind::null && text.empty(); }
  Node* find(std::string_view key);
  const Node* find(std::string_view key) const;
  // Returns the value of a key. If the map has no such key, it is added with the value null at
  // `place`. The entry's place becomes `place`.
  Node& set(std::string_view key, const Place& place);
  bool erase(std::string_view key);
};

// "optimizer" + "lr" -> "optimizer.lr"; "" + "run" -> "run".
std::string joined(const std::string& path, std::string_view key);
// "stages" + 1 -> "stages[1]".
std::string joined(const std::string& path, i64 index);

}  // namespace weft::config
