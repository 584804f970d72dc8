// SPDX-License-Identifier: Apache-2.0
#include "weft/core/config/short_forms.h"

#include <algorithm>
#include <string>
#include <vector>

#include "weft/core/fields.h"

namespace weft::config {

Node as_map(const Node& scalar, const Place& place) {
  Node map{.kind = Node::Kind::map, .place = scalar.place};
  map.set("type", place) = scalar;
  return map;
}

Node as_typed(const Node& node, AnyRecipe& recipe) {
  const Entry& entry = node.entries.front();
  Node typed{.kind = Node::Kind::map, .place = node.place};
  Node& type = typed.set("type", entry.place);
  type = {.kind = Node::Kind::scalar, .place = entry.place, .text = entry.key};
  const std::vector<std::string> names = recipe.names();
  const std::string name = recipe.registry().canonical(entry.key);
  if (entry.value.is(Node::Kind::map)) {
    for (const Entry& option : entry.value.entries)
      typed.set(option.key, option.place) = option.value;
  } else if (!entry.value.is_empty_value() &&
             std::find(names.begin(), names.end(), name) != names.end()) {
    const auto rows = field_rows(recipe.registry(), name);
    typed.set(rows.empty() ? entry.key : rows.front().key, entry.value.place) = entry.value;
  }
  return typed;
}

}  // namespace weft::config
