// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// Inputs are in the domain of log and sqrt, and on both sides of 0 for other ops.
template <class Op>
constexpr double kLow = std::is_same_v<Op, Log> || std::is_same_v<Op, Sqrt> ? 0.1 : -4.0;

template <class Op, class T>
void test_unary() {
  SCOPED_TRACE(Op::name);
  for (const i64 n : kSizes) {
    for (const i64 shift : {0, 1}) {
      Numbers numbers;
      const Array<T> x(n, numbers, kLow<Op>, 4.0, shift), dy(n, numbers, shift);
      std::vector<double> value = x.numbers(), slope = x.numbers();
      const auto dy64 = dy.numbers();
      unary_forward<Op, double>(Cpu{}, view(value), view(value));
      unary_backward<Op, double>(Cpu{}, view(slope), view(dy64), view(slope));
      in_every_order([&] {
        Array<T> y(n, shift), dx(n);  // dx is aligned and dy is not
        unary_forward<Op, T>(Cuda{}, view(y), view(x));
        expect_near(y, value);
        unary_backward<Op, T>(Cuda{}, view(dx), view(dy), view(x));
        expect_near(dx, slope);
        Array<T> in_place(x), grad_in_place(dy);
        unary_forward<Op, T>(Cuda{}, view(in_place), view(in_place));
        expect_same_bytes(in_place, y);
        unary_backward<Op, T>(Cuda{}, view(grad_in_place), view(grad_in_place), view(x));
        expect_same_bytes(grad_in_place, dx);
      });
    }
  }
}

#define WEFT_TEST_UNARY(op, Op)                        \
  TEST(CudaElementwise, op) {                          \
    for_types([]<class T>() { test_unary<Op, T>(); }); \
  }
WEFT_UNARY_OPS(WEFT_TEST_UNARY)

TEST(CudaElementwise, affine) {
  for_types([]<class T>() {
    for (const i64 n : kSizes) {
      for (const i64 shift : {0, 1}) {
        Numbers numbers;
        const Array<T> x(n, numbers, shift);
        std::vector<double> wanted = x.numbers();
        affine<double>(Cpu{}, view(wanted), view(wanted), {.scale = 1.5, .shift = -0.25});
        in_every_order([&] {
          Array<T> y(x);
          affine<T>(Cuda{}, view(y), view(y), {.scale = 1.5, .shift = -0.25});
          expect_near(y, wanted);
        });
      }
    }
  });
}

TEST(CudaElementwise, ExtremeInputsMatchTheCpuBitForBit) {
  const double extremes[] = {400, -400, 88.8,     -88,       1e-30, -1e-30,
                             0,   -0.0, INFINITY, -INFINITY, NAN};
  Array<float> x(11), wanted(11);
  for (i64 i = 0; i < 11; ++i) x[i] = static_cast<float>(extremes[i]);
  const auto check = [&]<class Op>() {
    SCOPED_TRACE(Op::name);
    Array<float> y(11);
    unary_forward<Op, float>(Cuda{}, view(y), view(x));
    for (i64 i = 0; i < 11; ++i) {
      const float wanted_i = Op::value(x[i]);
      if (std::isnan(wanted_i)) EXPECT_TRUE(std::isnan(y[i])) << x[i];
      else EXPECT_EQ(y[i], wanted_i) << x[i];
    }
  };
#define WEFT_CHECK_EXTREMES(op, Op) check.operator()<Op>();
  WEFT_UNARY_OPS(WEFT_CHECK_EXTREMES)
}

}  // namespace
}  // namespace weft::kernels::test
