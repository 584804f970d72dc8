// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/pointwise_loss.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

template <class Op, class T>
void test_loss() {
  SCOPED_TRACE(Op::name);
  for (const i64 n : {0, 1, 31, 33, 1025, 20000}) {
    for (const i64 shift : {0, 1}) {
      if (n == 20000 && shift == 1) continue;
      Numbers numbers;
      const Array<T> x(n, numbers, shift), t(n, numbers, 0.0, 1.0, shift), each(n, numbers, shift);
      Array<T> one(1);
      one[0] = converted<T>(0.75);
      const auto x64 = x.numbers(), t64 = t.numbers(), each64 = each.numbers();
      std::vector<double> value(x64.size()), slope_each(x64.size()), slope_one(x64.size());
      std::vector<double> total(1);
      const double p = 0.5;
      pointwise_loss_each<Op>(Cpu{}, value.data(), x64.data(), t64.data(), p, n);
      pointwise_loss_total<Op>(Cpu{}, total.data(), x64.data(), t64.data(), p, 1e-3, n);
      pointwise_loss_backward<Op>(Cpu{}, slope_each.data(), each64.data(), true, x64.data(),
                                  t64.data(), p, 2.0, n);
      pointwise_loss_backward<Op>(Cpu{}, slope_one.data(), one.numbers().data(), false, x64.data(),
                                  t64.data(), p, 2.0, n);
      in_every_order([&] {
        Array<T> y(n, shift), sum(1), dx(each), dx_one(n, shift);
        pointwise_loss_each<Op>(Cuda{}, y.data(), x.data(), t.data(), p, n);
        expect_near(y, value, 4 * tolerance<T>());
        pointwise_loss_total<Op>(Cuda{}, sum.data(), x.data(), t.data(), p, 1e-3, n);
        expect_near(sum, total, 10 * tolerance<T>());
        pointwise_loss_backward<Op>(Cuda{}, dx.data(), dx.data(), true, x.data(), t.data(), p, 2.0,
                                    n);  // dx may be dloss
        expect_near(dx, slope_each, 4 * tolerance<T>());
        pointwise_loss_backward<Op>(Cuda{}, dx_one.data(), one.data(), false, x.data(), t.data(), p,
                                    2.0, n);
        expect_near(dx_one, slope_one, 4 * tolerance<T>());
      });
    }
  }
}

#define WEFT_TEST_LOSS(op, Op)                        \
  TEST(CudaPointwiseLoss, op) {                       \
    for_types([]<class T>() { test_loss<Op, T>(); }); \
  }
WEFT_POINTWISE_LOSSES(WEFT_TEST_LOSS)

}  // namespace
}  // namespace weft::kernels::test
