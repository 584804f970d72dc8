// SPDX-License-Identifier: Apache-2.0
// Laying one config over another.
#pragma once
#include "weft/core/config/node.h"

namespace weft::config {

// What `over` gives replaces what `base` gives: key by key in sections, whole lists and whole
// scalars. A section of another `type` replaces the whole section, whose keys belong to the old
// type; a section given as a scalar counts as {type: scalar}.
void merge(Node& base, Node over);

}  // namespace weft::config
