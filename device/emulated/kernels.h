// SPDX-License-Identifier: Apache-2.0
// The kernels this program can launch on the emulated device.
#pragma once
#include <functional>
#include <map>
#include <string>

#include "weft/core/types.h"

namespace weft {

// How often each was launched so far, by name; 0 for one that no test has covered.
const std::map<std::string, i64, std::less<>>& emulated_kernel_launches();

}  // namespace weft
