// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/parse.h"

#include <algorithm>
#include <map>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

namespace weft::config {
namespace {

constexpr std::string_view kTextTag = "tag:yaml.org,2002:str";

// Stops the parser at a problem after which parsing further is useless.
struct Stop {
  Problem problem;
};

struct Extent {
  i64 nodes = 1;
  int depth = 1;
};

Extent extent_of(const Node& node) {
  Extent extent;
  const auto add = [&](const Node& child) {
    const Extent inner = extent_of(child);
    extent.nodes += inner.nodes;
    extent.depth = std::max(extent.depth, inner.depth + 1);
  };
  for (const Node& item : node.items) add(item);
  for (const Entry& entry : node.entries) add(entry.value);
  return extent;
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Text& text, std::vector<Problem>& problems)
      : text_(text), problems_(problems) {}

  Place place_of(const YAML::Mark& mark) const {
    if (!text_.has_lines) return {text_.source, 0, 0};
    return {text_.source, mark.line + 1, mark.column + 1};
  }

  Node root;
  int documents = 0;

 private:
  // A list or map whose end has not been parsed yet.
  struct Open {
    Node node;
    YAML::anchor_t anchor;
    bool has_key = false;  // of a map: the next node is a value
    bool dropped = false;  // … which is discarded
    Entry entry = {};
  };

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents > 1) throw Stop{{place_of(mark), "", "expected one document, got a second"}};
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node{.kind = Node::Kind::null, .place = place_of(mark)};
    // The event is the same for `a: null`, `a: ~` and `a:`; the text at the mark tells.
    const auto rest = text_.yaml.substr(
        std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.yaml.size()));
    for (const std::string_view written : {"~", "null", "Null", "NULL"})
      if (rest.starts_with(written)) node.text = written;
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    const bool quoted = tag == "!" || tag == kTextTag;  // yaml-cpp gives "!" for quoted scalars
    add({.kind = Node::Kind::scalar, .place = place_of(mark), .text = value, .quoted = quoted},
        anchor);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      report(place_of(mark), "expected an alias outside its own anchor, got one inside");
      return add({.kind = Node::Kind::null, .place = place_of(mark)}, 0);
    }
    Node copy = found->second;
    copy.place = place_of(mark);  // the place of the alias; the nodes inside keep their own places
    add(std::move(copy), 0);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::list);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(mark, tag, anchor, Node::Kind::map);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override { close(); }

  void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
            Node::Kind kind) {
    check_tag(mark, tag);
    check_depth(place_of(mark), 1);
    open_.push_back({.node = {.kind = kind, .place = place_of(mark)}, .anchor = anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    nodes_ -= extent_of(done.node).nodes - 1;  // the children were counted when they were added
    add(std::move(done.node), done.anchor);
  }

  void add(Node node, YAML::anchor_t anchor) {
    const Extent extent = extent_of(node);
    check_depth(node.place, extent.depth);
    nodes_ += extent.nodes;
    if (nodes_ > kMaxNodes)
      throw Stop{{node.place, path(), fmt::format("expected at most {} values in all", kMaxNodes)}};
    if (anchor != 0) anchors_[anchor] = node;
    if (open_.empty()) {
      root = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is(Node::Kind::list)) parent.node.items.push_back(std::move(node));
    else if (!parent.has_key) add_key(parent, node);
    else add_value(parent, std::move(node));
  }

  void add_key(Open& parent, const Node& key) {
    parent.has_key = true;
    parent.entry = {key.text, key.place, {}};
    parent.dropped = true;
    if (!key.is(Node::Kind::scalar)) {
      report(key.place, "expected a text as key");
    } else if (key.text == "<<" && !key.quoted) {
      report(key.place, "expected a key, got a merge key (<<), which is not supported");
    } else if (const auto first =
                   std::find_if(parent.node.entries.begin(), parent.node.entries.end(),
                                [&](const Entry& e) { return e.key == key.text; });
               first != parent.node.entries.end()) {
      report(key.place, fmt::format("expected each key once, got '{}' again; it is also at {}",
                                    key.text, first->place.to_string()));
    } else {
      parent.dropped = false;
    }
  }

  void add_value(Open& parent, Node value) {
    parent.has_key = false;
    if (parent.dropped) return;
    parent.entry.value = std::move(value);
    parent.node.entries.push_back(std::move(parent.entry));
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tag.empty() || tag == "?" || tag == "!" || tag == kTextTag) return;
    report(place_of(mark), fmt::format("expected no tag but !!str, got '{}'", tag));
  }

  void check_depth(const Place& place, int added) {
    if (static_cast<int>(open_.size()) + added > kMaxDepth)
      throw Stop{{place, "", fmt::format("expected at most {} levels", kMaxDepth)}};
  }

  void report(const Place& place, std::string message) {
    problems_.push_back({place, path(), std::move(message)});
  }

  std::string path() const {
    std::string path;
    for (const Open& parent : open_) {
      if (parent.node.is(Node::Kind::list))
        path = joined(path, static_cast<i64>(parent.node.items.size()));
      else if (parent.has_key) path = joined(path, parent.entry.key);
    }
    return path;
  }

  const Text& text_;
  std::vector<Problem>& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Node> anchors_;
  i64 nodes_ = 0;
};

}  // namespace

bool parse_yaml(const Text& text, Node& root, std::vector<Problem>& problems) {
  TreeBuilder builder(text, problems);
  const auto stop = [&](const Place& place, std::string message) {
    problems.push_back({place, "", std::move(message)});
    return false;
  };
  if (static_cast<i64>(text.yaml.size()) > kMaxBytes)
    return stop({text.source},
                fmt::format("expected at most {} bytes, got {}", kMaxBytes, text.yaml.size()));
  try {
    std::istringstream stream{std::string(text.yaml)};
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    return stop(builder.place_of(error.mark), "expected YAML: " + error.msg);
  } catch (const Stop& stopped) {
    problems.push_back(stopped.problem);
    return false;
  }
  root = std::move(builder.root);
  return true;
}

}  // namespace weft::config
