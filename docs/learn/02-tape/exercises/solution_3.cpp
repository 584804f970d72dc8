// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

using namespace weft;

Variable cube(const Variable& x) {
  const Tensor value = x.value();
  return record("cube", mul(mul(value, value), value),
                edge(x, [value](const Tensor& dy, Tensor& dx) {
                  mul(dx, dy, affine(mul(value, value), 3.0, 0.0));
                }));
}
