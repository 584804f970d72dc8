// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weft {

// Checks that eps, which is added to a variance, is 0 or a number above 0 that f32 holds. With 0, a
// variance of 0 gives NaN. The message begins with the name of the op.
void check_eps(const char* op, double eps);

}  // namespace weft
