// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/merge.h"

#include <utility>

namespace weft::config {
namespace {

// Returns the `type` of a section, given as a key or as a scalar section; null if it has none.
const Node* type_of(const Node& node) {
  return node.is(Node::Kind::scalar) ? &node : node.find("type");
}

bool changes_type(const Node& base, const Node& over) {
  const Node* before = type_of(base);
  const Node* after = type_of(over);
  return before != nullptr && after != nullptr && before->text != after->text;
}

}  // namespace

void merge(Node& base, Node over) {
  const bool into_section = base.is(Node::Kind::map) || base.is(Node::Kind::scalar);
  if (!over.is(Node::Kind::map) || !into_section || changes_type(base, over)) {
    base = std::move(over);
    return;
  }
  if (base.is(Node::Kind::scalar)) {
    Node map{.kind = Node::Kind::map, .place = base.place};
    map.set("type", base.place) = std::move(base);
    base = std::move(map);
  }
  for (Entry& entry : over.entries) {
    Node* value = base.find(entry.key);
    if (value != nullptr && value->is(Node::Kind::map) && entry.value.is(Node::Kind::map)) {
      merge(*value, std::move(entry.value));
    } else if (value != nullptr) {
      merge(*value, std::move(entry.value));
      base.set(entry.key, entry.place);
    } else {
      base.entries.push_back(std::move(entry));
    }
  }
}

}  // namespace weft::config
