// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/parametric.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// The values and the exponent keep x^p in the range of half.
template <class Op, class T>
void test_parametric(Parameters parameters, double low) {
  SCOPED_TRACE(Op::name);
  for (const i64 n : kSizes) {
    for (const i64 shift : {0, 1}) {
      Numbers numbers;
      const Array<T> x(n, numbers, low, 4.0, shift), dy(n, numbers, shift);
      std::vector<double> value = x.numbers(), slope = x.numbers();
      const auto dy64 = dy.numbers();
      parametric_forward<Op, double>(Cpu{}, view(value), view(value), parameters);
      parametric_backward<Op, double>(Cpu{}, view(slope), view(dy64), view(slope), parameters);
      in_every_order([&] {
        Array<T> y(x), dx(dy);
        parametric_forward<Op, T>(Cuda{}, view(y), view(y), parameters);
        expect_near(y, value);
        parametric_backward<Op, T>(Cuda{}, view(dx), view(dx), view(x), parameters);
        expect_near(dx, slope, 4 * tolerance<T>());
      });
    }
  }
}

TEST(CudaParametric, clamp) {
  for_types([]<class T>() { test_parametric<Clamp, T>({.p = -0.5, .q = 1.25}, -4.0); });
}
TEST(CudaParametric, pow) {
  for_types([]<class T>() {
    test_parametric<Pow, T>({.p = 2.5}, 0.1);
    test_parametric<Pow, T>({.p = 3}, -4.0);
    test_parametric<Pow, T>({.p = 0}, -4.0);
  });
}

}  // namespace
}  // namespace weft::kernels::test
