// SPDX-License-Identifier: Apache-2.0
// Values may contain ${env:NAME} and ${env:NAME,default}.
#pragma once
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

// Replaces them in all scalars except keys. The inserted text becomes text of the scalar, quoted if
// the scalar was quoted, and is not interpolated again. Appends a problem for a variable that is
// not set and has no default, for any other ${…}, and where the inserted texts exceed the limit of
// Usage. In a flow section (`{root: "${env:HOME}"}`)
// YAML requires quotes around the braces.
void interpolate(Node& root, std::vector<Problem>& problems, Usage& used);

}  // namespace weft::config
