// SPDX-License-Identifier: Apache-2.0
// Merges one config over another.
#pragma once
#include "weft/core/config/node.h"

namespace weft::config {

// Values of `over` replace those of `base`: key by key in sections, and lists and scalars as a
// whole. A section with another `type` replaces the whole section, because the keys of the old one
// belong to the old type. A section given as a scalar counts as {type: scalar}.
void merge(Node& base, Node over);

}  // namespace weft::config
