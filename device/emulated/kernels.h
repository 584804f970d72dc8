// SPDX-License-Identifier: Apache-2.0
// The kernels that this program can launch on the emulated device.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "weft/core/types.h"

namespace weft {

// Returns the number of launches of each kernel so far, by name; 0 for a kernel that no test has
// covered.
const std::map<std::string, i64, std::less<>>& emulated_kernel_launches();

}  // namespace weft
