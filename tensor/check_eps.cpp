// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/check_eps.h"

#include "weft/core/check.h"
#include "weft/core/error.h"

namespace weft {

void check_eps(const char* op, double eps) {
  WEFT_CHECK(eps == 0 || positive.accepts(eps),
             "{}: eps is {}; 0 or a number from {:.8g} to {:.7g} is required", op, eps, kLeastF32,
             kMostF32);
}

}  // namespace weft
