// SPDX-License-Identifier: Apache-2.0
// Reads a Node into a struct, through its describe function. Reading does not stop at the first
// mistake.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/core/config/node.h"

namespace weft::config {

// The place where each value given in a config was written, by path. Values that are not listed are
// defaults.
using Origins = std::map<std::string, Place>;

// Reads `root` (a map) into the struct, whose current values are the defaults. A section given as a
// scalar means its `type`. Appends a problem at the key for each unknown key (with the nearest
// valid one), wrong type, refused value, missing required key and broken rule. Values with a
// problem keep their default.
void read(const Node& root, SectionRef into, Origins& origins, std::vector<Problem>& problems);

}  // namespace weft::config
