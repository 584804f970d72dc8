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
      const auto one64 = one.numbers();
      pointwise_loss_each<Op, double>(Cpu{}, view(value), view(x64), view(t64), p);
      pointwise_loss_total<Op, double>(Cpu{}, total.data(), view(x64), view(t64), p, 1e-3);
      pointwise_loss_backward<Op, double>(Cpu{}, view(slope_each), {each64.data(), true}, view(x64),
                                          view(t64), p, 2.0);
      pointwise_loss_backward<Op, double>(Cpu{}, view(slope_one), {one64.data(), false}, view(x64),
                                          view(t64), p, 2.0);
      in_every_order([&] {
        Array<T> y(n, shift), sum(1), dx(each), dx_one(n, shift);
        pointwise_loss_each<Op, T>(Cuda{}, view(y), view(x), view(t), p);
        expect_near(y, value, 4 * tolerance<T>());
        pointwise_loss_total<Op, T>(Cuda{}, sum.data(), view(x), view(t), p, 1e-3);
        expect_near(sum, total, 10 * tolerance<T>());
        pointwise_loss_backward<Op, T>(Cuda{}, view(dx), {dx.data(), true}, view(x), view(t), p,
                                       2.0);  // dx may alias dloss
        expect_near(dx, slope_each, 4 * tolerance<T>());
        pointwise_loss_backward<Op, T>(Cuda{}, view(dx_one), {one.data(), false}, view(x), view(t),
                                       p, 2.0);
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
