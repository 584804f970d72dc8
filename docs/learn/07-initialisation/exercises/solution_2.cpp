// SPDX-License-Identifier: Apache-2.0
#include <cmath>

// a²/3 = 2/fan_in
double uniform_bound(int fan_in) { return std::sqrt(6.0 / fan_in); }
