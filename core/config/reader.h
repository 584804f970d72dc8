// SPDX-License-Identifier: Apache-2.0
// Node -> struct, through its describe. Nothing stops at the first mistake.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/core/config/node.h"

namespace weft::config {

// Where each value that a config gives was written, by path; what is not in it is a default.
using Origins = std::map<std::string, Place>;

// Reads `root` (a map) into the struct, whose values as they are count as the defaults. A section
// given as a scalar means its `type`. Appends a problem for each unknown key (with the nearest
// valid one), wrong type, refused value, missing required key and broken rule, at its key; values
// with a problem keep their default.
void read(const Node& root, SectionRef into, Origins& origins, std::vector<Problem>& problems);

}  // namespace weft::config
