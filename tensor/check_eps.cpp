// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/check_eps.h"

#include "weft/core/check.h"
#include "weft/core/error.h"

namespace weft {

void check_eps(const char* op, double eps) {
  WEFT_CHECK(positive.accepts(eps), "{}: eps is {}; a number from {:.8g} to {:.8g} is required", op,
             eps, kLeastF32, kMostF32);
}

}  // namespace weft
