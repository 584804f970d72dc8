// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/parse.h"

#include <algorithm>
#include <istream>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include "weft/core/config/metered_text.h"
#include "weft/core/printable.h"

namespace weft::config {
namespace {

constexpr std::string_view kTextTag = "tag:yaml.org,2002:str";

std::string too_deep() { return fmt::format("expected at most {} levels", kMaxDepth); }

// Stops the parser at a problem after which parsing further is useless.
struct Stop {
  Problem problem;
};

// What a copy of a node takes.
struct Extent {
  i64 nodes = 1;
  i64 text_bytes = 0;
  int depth = 1;
};

Extent extent_of(const Node& node) {
  Extent extent{.text_bytes = std::ssize(node.text)};
  const auto add = [&](const Node& child) {
    const Extent inner = extent_of(child);
    extent.nodes += inner.nodes;
    extent.text_bytes += inner.text_bytes;
    extent.depth = std::max(extent.depth, inner.depth + 1);
  };
  for (const Node& item : node.items) add(item);
  for (const Entry& entry : node.entries) {
    extent.text_bytes += std::ssize(entry.key);
    add(entry.value);
  }
  return extent;
}

// Returns the text behind an anchor and a tag, with the spaces, lines and comments after them.
std::string_view behind_properties(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const auto skip_to = [&](std::size_t at) { text.remove_prefix(std::min(at, text.size())); };
  while (!text.empty() && (text.front() == '&' || text.front() == '!')) {
    skip_to(text.find_first_of(kSpace));
    skip_to(text.find_first_not_of(kSpace));
    while (text.starts_with('#')) {
      skip_to(text.find('\n'));
      skip_to(text.find_first_not_of(kSpace));
    }
  }
  return text;
}

// Returns the null at the beginning of the text as it is written: "~", "null", or "" where the
// text is something else, such as the next key.
std::string_view written_null(std::string_view text) {
  for (const std::string_view word : {"~", "null", "Null", "NULL"}) {
    if (!text.starts_with(word)) continue;
    const std::string_view rest = text.substr(word.size());
    const std::size_t next = rest.find_first_not_of(" \t");
    const bool ends = rest.empty() || std::string_view(" \t\r\n,]}").find(rest[0]) != rest.npos;
    const bool is_key = next != rest.npos && rest[next] == ':';
    if (ends && !is_key) return word;
  }
  return "";
}

class TreeBuilder final : public YAML::EventHandler {
 public:
  TreeBuilder(const Text& text, MeteredText& metered, std::vector<Problem>& problems, Usage& used)
      : text_(text), metered_(metered), problems_(problems), used_(used) {}

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
  struct Anchored {
    Node node;
    Extent extent;
  };

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (++documents > 1) throw Stop{{place_of(mark), "", "expected one document, got a second"}};
  }
  void OnDocumentEnd() override {}
  void OnAnchor(const YAML::Mark&, const std::string&) override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    Node node{.kind = Node::Kind::null, .place = place_of(mark)};
    // The event is the same for `a: null`, `a: ~` and `a:`; the text at the mark tells. The mark is
    // that of an anchor, or of whatever follows an empty value.
    node.text = written_null(text_at(mark));
    add(std::move(node), anchor);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    check_tag(mark, tag);
    const bool quoted = tag == "!" || tag == kTextTag;  // yaml-cpp gives "!" for quoted scalars
    // yaml-cpp takes a quote that the text ends with for a whole scalar.
    const std::string_view rest = value.empty() ? text_at(mark) : "";
    if (rest == "\"" || rest == "'")
      throw Stop{{place_of(mark), path(), "expected YAML: end of scalar not found"}};
    add({.kind = Node::Kind::scalar, .place = place_of(mark), .text = value, .quoted = quoted},
        anchor);
  }

  // The text from a mark on, behind anchor and tag.
  std::string_view text_at(const YAML::Mark& mark) const {
    return behind_properties(text_.yaml.substr(
        std::min(static_cast<std::size_t>(std::max(mark.pos, 0)), text_.yaml.size())));
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto found = anchors_.find(anchor);
    if (found == anchors_.end()) {
      report(place_of(mark), "expected an alias outside its own anchor, got one inside");
      return add({.kind = Node::Kind::null, .place = place_of(mark)}, 0);
    }
    const Extent& extent = found->second.extent;
    check_depth(place_of(mark), extent.depth);
    take(extent, place_of(mark));
    Node copy = found->second.node;
    copy.place = place_of(mark);  // the place of the alias; the nodes inside keep their own places
    attach(std::move(copy));
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
    metered_.on_event();
    check_tag(mark, tag);
    check_depth(place_of(mark), 1);
    take({}, place_of(mark));
    open_.push_back({.node = {.kind = kind, .place = place_of(mark)}, .anchor = anchor});
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    keep(done.node, done.anchor);
    attach(std::move(done.node));
  }

  // Adds a scalar or a null.
  void add(Node node, YAML::anchor_t anchor) {
    check_depth(node.place, 1);
    take({.text_bytes = std::ssize(node.text)}, node.place);
    keep(node, anchor);
    attach(std::move(node));
  }

  // Counts nodes before memory is taken for them.
  void take(const Extent& extent, const Place& place) {
    used_.nodes += extent.nodes;
    used_.text_bytes += extent.text_bytes;
    if (used_.nodes > kMaxNodes)
      throw Stop{{place, path(), fmt::format("expected at most {} values in all", kMaxNodes)}};
    if (used_.text_bytes > kMaxBytes)
      throw Stop{{place, path(),
                  fmt::format("expected at most {} bytes of text, where each alias stands for the "
                              "text of its anchor",
                              kMaxBytes)}};
  }

  // Keeps a copy of a node that aliases may ask for. Anchors around each other keep copies of
  // copies, so these count like other nodes.
  void keep(const Node& node, YAML::anchor_t anchor) {
    if (anchor == 0) return;
    const Extent extent = extent_of(node);
    take(extent, node.place);
    anchors_.insert_or_assign(anchor, Anchored{node, extent});
  }

  void attach(Node node) {
    metered_.on_event();
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
                                    excerpt(key.text), first->place.to_string()));
    } else if (parent.node.entries.size() >= kMaxKeys) {
      throw Stop{{key.place, "", fmt::format("expected at most {} keys in a section", kMaxKeys)}};
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
    report(place_of(mark), fmt::format("expected no tag but !!str, got '{}'", excerpt(tag)));
  }

  void check_depth(const Place& place, int added) {
    if (static_cast<int>(open_.size()) + added > kMaxDepth) throw Stop{{place, "", too_deep()}};
  }

  void report(const Place& place, std::string message) {
    if (!is_full(problems_)) add_problem(problems_, {place, path(), std::move(message)});
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
  MeteredText& metered_;
  std::vector<Problem>& problems_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, Anchored> anchors_;
  Usage& used_;
};

// Returns what is wrong with the characters of a text, and at which byte; nullopt if nothing is.
std::optional<std::pair<std::size_t, std::string>> bad_character(std::string_view text) {
  if (is_wide_text(text))
    return std::pair(std::size_t{0},
                     "expected UTF-8, got UTF-16 or UTF-32; save the file as UTF-8");
  if (const std::size_t at = invalid_utf8(text); at != text.npos)
    return std::pair(at,
                     fmt::format("expected UTF-8, got the byte {}", printable(text.substr(at, 1))));
  const auto refused = [](char c) {
    return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') ||
           c == 0x7f;
  };
  const auto found = std::find_if(text.begin(), text.end(), refused);
  if (found == text.end()) return std::nullopt;
  return std::pair(static_cast<std::size_t>(found - text.begin()),
                   fmt::format("expected text, got the control character {0}; in quotes, \"{0}\" "
                               "stands for it",
                               printable(std::string_view(&*found, 1))));
}

Place place_in(const Text& text, std::size_t at) {
  if (!text.has_lines) return {text.source, 0, 0};
  const std::string_view before = text.yaml.substr(0, at);
  const auto lines = std::count(before.begin(), before.end(), '\n');
  const std::size_t line_begin = before.rfind('\n') + 1;  // npos + 1 is 0
  return {text.source, static_cast<int>(lines) + 1, static_cast<int>(at - line_begin) + 1};
}

// Counts the bytes of a text and checks its characters. Returns false after adding a problem.
bool check_text(const Text& text, std::vector<Problem>& problems, Usage& used) {
  used.bytes += std::ssize(text.yaml);
  if (used.bytes > kMaxBytes) {
    add_problem(problems, {{text.source},
                           "",
                           fmt::format("expected at most {} bytes in all files and options, got {}",
                                       kMaxBytes, used.bytes)});
    return false;
  }
  if (auto bad = bad_character(text.yaml)) {
    add_problem(problems, {place_in(text, bad->first), "", std::move(bad->second)});
    return false;
  }
  return true;
}

}  // namespace

bool parse_yaml(const Text& given, Node& root, std::vector<Problem>& problems, Usage& used) {
  Text text = given;
  if (text.yaml.starts_with("\xef\xbb\xbf")) text.yaml.remove_prefix(3);
  if (!check_text(text, problems, used)) return false;
  MeteredText metered(text.yaml, kMaxDepth);
  TreeBuilder builder(text, metered, problems, used);
  try {
    std::istream stream(&metered);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const YAML::Exception& error) {
    add_problem(problems, {builder.place_of(error.mark), "", "expected YAML: " + error.msg});
    return false;
  } catch (const TooManyTokens& tokens) {
    std::string message = tokens.is_depth
                              ? too_deep()
                              : fmt::format(
                                    "expected at most {} values in all, and in a text not "
                                    "many more of the characters [ ] {{ }} , :",
                                    kMaxNodes);
    add_problem(problems, {place_in(text, tokens.at), "", std::move(message)});
    return false;
  } catch (const Stop& stopped) {
    add_problem(problems, stopped.problem);
    return false;
  }
  root = std::move(builder.root);
  return true;
}

bool parse_option(std::string_view text, const std::string& source, Node& value,
                  std::vector<Problem>& problems, Usage& used) {
  const Text whole{text, source, false};
  const bool is_quoted = text.size() >= 2 && (text.front() == '"' || text.front() == '\'') &&
                         text.back() == text.front();
  const bool is_yaml = is_quoted || text.find_first_of("[{!") == 0;
  if (is_yaml) return parse_yaml(whole, value, problems, used);
  if (!check_text(whole, problems, used)) return false;
  value = {.kind = Node::Kind::scalar, .place = {source}, .text = std::string(text)};
  const bool is_null = text.empty() || (!text.starts_with(' ') && written_null(text) == text);
  if (is_null) value.kind = Node::Kind::null;
  return true;
}

}  // namespace weft::config
