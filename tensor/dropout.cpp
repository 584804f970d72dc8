// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/dropout.h"

#include "weft/tensor/check.h"
#include "weft/tensor/ops.h"

namespace weft {

void dropout(Tensor& y, const Tensor& x, double p, const RandomOp& random) {
  check_output("dropout", y, x.shape(), x);
  WEFT_CHECK(p >= 0 && p <= 1, "dropout: p is {}; a probability in [0, 1] is required", p);
  if (x.elements() == 0) return;
  const i64 samples = x.rank() == 0 ? 1 : x.size(0), elements = x.elements() / samples;
  visit_compute("dropout", x.dtype(), [&]<class T>() {
    std::visit(
        [&](auto device) {
          kernels::dropout<T>(device, {y.data<T>(), samples, elements},
                              {x.data<T>(), samples, elements}, random.numbers.data<i64>(),
                              random.ordinal, p);
        },
        x.device());
  });
}

}  // namespace weft
