// SPDX-License-Identifier: Apache-2.0
// The short forms of a section with a type, as the map that they stand for.
#pragma once
#include "weft/core/registry.h"
#include "weft/core/config/node.h"

namespace weft::config {

// Returns {type: adam} for a scalar `adam` in the place of a section.
Node as_map(const Node& scalar, const Place& place);

// Returns {type: conv, out: 32} for {conv: {out: 32}} and {conv: 32}. A value that is no section
// belongs to the first key of the entry. The node is a map of one entry.
Node as_typed(const Node& node, AnyRecipe& recipe);

}  // namespace weft::config
