// SPDX-License-Identifier: Apache-2.0
// ${env:NAME} and ${env:NAME,default} in values.
#pragma once
#include <vector>

#include "weft/core/config/node.h"

namespace weft::config {

// Replaces them in all scalars, keys excepted; what comes out is text of the scalar, in quotes if
// it was, and not looked at again. Appends a problem for a variable that is not set and has no
// default, and for any other ${…}. In a flow section (`{root: "${env:HOME}"}`) YAML wants quotes
// around the braces.
void interpolate(Node& root, std::vector<Problem>& problems);

}  // namespace weft::config
