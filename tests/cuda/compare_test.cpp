// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/compare.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Case {
  Broadcast shape;
  i64 a, b;  // elements
};

const Case kCases[] = {{{1, 0, {0}, {1}, {1}}, 0, 0},
                       {{.rank = 0}, 1, 1},
                       {{1, 1025, {1025}, {1}, {1}}, 1025, 1025},
                       {{1, 33, {33}, {1}, {0}}, 33, 1},
                       {{2, 31 * 33, {31, 33}, {33, 1}, {0, 1}}, 31 * 33, 33},
                       {{3, 4 * 3 * 5, {4, 3, 5}, {15, 5, 1}, {0, 1, 0}}, 60, 3}};

// The values are few, so that many are equal, and two of them are NaN.
template <class T>
void set_values(Array<T>& x, Numbers& numbers) {
  for (i64 i = 0; i < x.size(); ++i) x[i] = converted<T>(static_cast<double>(numbers.below(4)));
  if constexpr (!std::is_integral_v<T>)
    for (i64 i = 5; i < x.size(); i += 100) x[i] = converted<T>(NAN);
}

// The index in an input of element i of the output, by the strides of that input.
i64 source_of(const Broadcast& s, const std::array<i64, Broadcast::kMaxRank>& stride, i64 i) {
  i64 at = 0;
  for (int axis = s.rank - 1; axis >= 0; --axis) {
    const auto k = static_cast<std::size_t>(axis);
    at += i % s.size[k] * stride[k];
    i /= s.size[k];
  }
  return at;
}

template <class Op, class T>
void test_comparison() {
  for (const Case& c : kCases) {
    Numbers numbers;
    Array<T> a(c.a), b(c.b);
    set_values(a, numbers);
    set_values(b, numbers);
    const BinaryInputs<T> in{a.data(), b.data()};
    Array<u8> wanted(c.shape.elements);
    for (i64 i = 0; i < wanted.size(); ++i)
      wanted[i] = Op::value(converted<double>(a[source_of(c.shape, c.shape.stride_a, i)]),
                            converted<double>(b[source_of(c.shape, c.shape.stride_b, i)]));
    in_every_order([&] {
      Array<u8> y(c.shape.elements, 1);
      compare<Op>(Cuda{}, y.data(), in, c.shape);
      expect_same_bytes(y, wanted);
    });
    if constexpr (sizeof(T) != 2) {
      Array<u8> y(c.shape.elements);
      compare<Op>(Cpu{}, y.data(), in, c.shape);
      expect_same_bytes(y, wanted);
    }
  }
}

#define WEFT_TEST_COMPARISON(op, Op)                        \
  TEST(CudaCompare, op) {                                   \
    for_types([]<class T>() { test_comparison<Op, T>(); }); \
    test_comparison<Op, i64>();                             \
    test_comparison<Op, i32>();                             \
    test_comparison<Op, u8>();                              \
  }
WEFT_COMPARISONS(WEFT_TEST_COMPARISON)

// The difference of 2^53 and 2^53 + 1 is lost in double and in float.
TEST(CudaCompare, IntegersAreComparedExactly) {
  Array<i64> a(1), b(1);
  a[0] = i64{1} << 53;
  b[0] = a[0] + 1;
  Array<u8> y(1);
  compare<Equal>(Cuda{}, y.data(), BinaryInputs<i64>{a.data(), b.data()}, {.rank = 0});
  EXPECT_EQ(y[0], 0);
}

}  // namespace
}  // namespace weft::kernels::test
