// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/overrides.h"

#include <charconv>
#include <optional>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/core/config/parse.h"

namespace weft::config {
namespace {

// "callbacks[0].patience" consists of key callbacks, index 0 and key patience.
struct Step {
  std::string key;
  i64 index = -1;  // of a list; a step with an index has no key
};

std::optional<std::vector<Step>> steps_of(std::string_view path) {
  std::vector<Step> steps;
  while (!path.empty()) {
    const std::size_t end = path.find_first_of(".[", 1);
    std::string_view part = path.substr(0, end);
    if (part.front() == '[') {
      i64 index = -1;
      const auto [rest, error] = std::from_chars(part.data() + 1, part.data() + part.size(), index);
      if (error != std::errc() || index < 0 || rest + 1 != part.data() + part.size() ||
          *rest != ']')
        return std::nullopt;
      steps.push_back({"", index});
    } else {
      if (part.front() == '.') part.remove_prefix(steps.empty() ? 0 : 1);
      if (part.empty() || part.front() == '.' || part.find(']') != part.npos) return std::nullopt;
      steps.push_back({std::string(part)});
    }
    if (steps.size() > static_cast<std::size_t>(kMaxDepth)) return std::nullopt;
    path = end == path.npos ? "" : path.substr(end);
  }
  if (steps.empty() || steps.front().index >= 0) return std::nullopt;
  return steps;
}

Place command_line() { return {kCommandLine}; }

// Makes the node a map, so that it can hold keys: a section given as a scalar is its type.
void make_map(Node& node) {
  if (node.is(Node::Kind::map)) return;
  Node map{.kind = Node::Kind::map, .place = node.place};
  if (node.is(Node::Kind::scalar)) map.set("type", node.place) = node;
  node = std::move(map);
}

class Override {
 public:
  Override(Node& root, std::string path, std::vector<Problem>& problems)
      : root_(root), path_(std::move(path)), problems_(problems) {}

  void set(Node value, bool adds) {
    const auto steps = checked_steps();
    if (!steps) return;
    Node* parent = nullptr;
    Node* node = &root_;
    for (const Step& step : *steps) {
      parent = node;
      node = step.index >= 0 ? item(*node, step.index) : key(*node, step.key);
      if (node == nullptr) return;
    }
    if (adds && node->is(Node::Kind::list)) {
      node->items.push_back(std::move(value));
    } else if (adds && !node->is_empty_value()) {
      report("expected a list or a key that is not there yet, after +; leave out the + to replace");
    } else {
      *node = std::move(value);
      if (parent->is(Node::Kind::map)) parent->set(steps->back().key, command_line());
    }
  }

  void remove() {
    const auto steps = checked_steps();
    if (!steps) return;
    Node* node = &root_;
    for (std::size_t i = 0; i + 1 < steps->size(); ++i) {
      const Step& step = (*steps)[i];
      node = step.index >= 0 ? item(*node, step.index) : node->find(step.key);
      if (node == nullptr) return not_there({});
    }
    const Step& last = steps->back();
    if (last.index >= 0) {
      if (item(*node, last.index) != nullptr) node->items.erase(node->items.begin() + last.index);
    } else if (!node->erase(last.key)) {
      std::vector<std::string> keys;
      for (const Entry& entry : node->entries) keys.push_back(entry.key);
      not_there(did_you_mean(last.key, keys));
    }
  }

 private:
  std::optional<std::vector<Step>> checked_steps() {
    auto steps = steps_of(path_);
    if (!steps) report("expected a dotted path such as train.epochs or callbacks[0].patience");
    return steps;
  }

  Node* key(Node& node, const std::string& key) {
    if (node.is(Node::Kind::list)) {
      report(fmt::format("expected an index such as [0] before '{}', as this is a list",
                         excerpt(key)));
      return nullptr;
    }
    make_map(node);
    Node* found = node.find(key);
    return found != nullptr ? found : &node.set(key, command_line());
  }

  Node* item(Node& node, i64 index) {
    if (node.is(Node::Kind::list) && index < static_cast<i64>(node.items.size())) {
      return &node.items[static_cast<std::size_t>(index)];
    }
    report(fmt::format("expected an index below {}, got {}", node.items.size(), index));
    return nullptr;
  }

  void not_there(const std::string& suggestion) {
    report("expected a key that the config gives, after ~" + suggestion);
  }

  void report(std::string message) {
    add_problem(problems_, {command_line(), path_, std::move(message)});
  }

  Node& root_;
  std::string path_;
  std::vector<Problem>& problems_;
};

}  // namespace

void apply_override(Node& root, const std::string& option, std::vector<Problem>& problems,
                    Usage& used) {
  if (option.starts_with('~')) return Override(root, option.substr(1), problems).remove();
  const bool adds = option.starts_with('+');
  const std::size_t equals = option.find('=');
  if (equals == option.npos) {
    add_problem(problems, {command_line(), option, "expected key=value"});
    return;
  }
  const std::string path = option.substr(adds ? 1 : 0, equals - (adds ? 1 : 0));
  Node value;
  std::vector<Problem> found;
  parse_option(std::string_view(option).substr(equals + 1), kCommandLine, value, found, used);
  for (Problem& problem : found) {
    problem.path = path + (problem.path.empty() ? "" : "." + problem.path);
    add_problem(problems, std::move(problem));
  }
  value.place = command_line();
  if (found.empty()) Override(root, path, problems).set(std::move(value), adds);
}

}  // namespace weft::config
