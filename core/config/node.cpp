// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/node.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "weft/core/printable.h"

namespace weft::config {

std::string Place::to_string() const {
  const std::string name = printable_line(source);
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

std::string Problem::to_string() const {
  return fmt::format("{}: {}{}{}", place.to_string(), printable_line(excerpt(path, 200)),
                     path.empty() ? "" : ": ", printable_line(shortened(message)));
}

void add_problem(std::vector<Problem>& problems, Problem problem) {
  if (problems.size() < kMaxProblems) {
    problems.push_back(std::move(problem));
  } else if (problems.size() == kMaxProblems) {
    const std::string more =
        fmt::format("expected fewer mistakes; only the first {} are shown", kMaxProblems);
    problems.push_back({{"config"}, "", more});
  }
}

const Node* Node::find(std::string_view key) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const Entry& entry) { return entry.key == key; });
  return found == entries.end() ? nullptr : &found->value;
}

Node* Node::find(std::string_view key) {
  return const_cast<Node*>(static_cast<const Node*>(this)->find(key));
}

Node& Node::set(std::string_view key, const Place& at) {
  for (Entry& entry : entries)
    if (entry.key == key) {
      entry.place = at;
      return entry.value;
    }
  entries.push_back({std::string(key), at, Node{.place = at}});
  return entries.back().value;
}

bool Node::erase(std::string_view key) {
  return std::erase_if(entries, [&](const Entry& entry) { return entry.key == key; }) > 0;
}

std::string joined(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string joined(const std::string& path, i64 index) {
  return fmt::format("{}[{}]", path, index);
}

}  // namespace weft::config
