// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

// Inputs inside the domain of log and sqrt, both sides of 0 elsewhere.
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
      unary_forward<Op>(Cpu{}, value.data(), value.data(), n);
      unary_backward<Op>(Cpu{}, slope.data(), dy.numbers().data(), slope.data(), n);
      in_every_order([&] {
        Array<T> y(n, shift), dx(n);  // dx is aligned, dy is not
        unary_forward<Op>(Cuda{}, y.data(), x.data(), n);
        expect_near(y, value);
        unary_backward<Op>(Cuda{}, dx.data(), dy.data(), x.data(), n);
        expect_near(dx, slope);
        Array<T> in_place(x), grad_in_place(dy);
        unary_forward<Op>(Cuda{}, in_place.data(), in_place.data(), n);
        expect_same_bytes(in_place, y);
        unary_backward<Op>(Cuda{}, grad_in_place.data(), grad_in_place.data(), x.data(), n);
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
        affine(Cpu{}, wanted.data(), wanted.data(), 1.5, -0.25, n);
        in_every_order([&] {
          Array<T> y(x);
          affine(Cuda{}, y.data(), y.data(), 1.5, -0.25, n);
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
    unary_forward<Op>(Cuda{}, y.data(), x.data(), 11);
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
