// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

using Matrix = std::vector<std::vector<double>>;  // rows of equal length
