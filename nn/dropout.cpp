// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/dropout.h"

#include "weft/autograd/ops.h"

namespace weft::nn {

Dropout::Dropout(double p) : p_(p) {
  WEFT_CHECK(p >= 0 && p <= 1, "Dropout: p is {}; a probability from 0 to 1 is required", p);
}

Variable Dropout::forward(const Variable& x) { return training() && p_ > 0 ? dropout(x, p_) : x; }

}  // namespace weft::nn
