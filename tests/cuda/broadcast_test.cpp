// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/elementwise.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Case {
  const char* name;
  Broadcast shape;
  i64 a, b;  // elements
};

std::vector<Case> cases() {
  std::vector<Case> all = {
      {"one number each", {.rank = 0}, 1, 1},
      {"nothing", {1, 0, {0}, {1}, {1}}, 0, 0},
      {"a row added to each", {2, 31 * 33, {31, 33}, {33, 1}, {0, 1}}, 31 * 33, 33},
      {"a row, whole packs", {2, 6 * 32, {6, 32}, {32, 1}, {0, 1}}, 6 * 32, 32},
      {"a column added to each", {2, 31 * 33, {31, 33}, {33, 1}, {1, 0}}, 31 * 33, 31},
      {"outer product", {2, 31 * 5, {31, 5}, {1, 0}, {0, 1}}, 31, 5},
      {"inner axis of 2", {3, 5 * 7 * 2, {5, 7, 2}, {14, 2, 1}, {0, 2, 1}}, 70, 14},
      {"channels", {3, 4 * 3 * 5, {4, 3, 5}, {15, 5, 1}, {0, 1, 0}}, 60, 3},
      {"rank 6",
       {6, 2 * 3 * 2 * 3 * 2 * 3, {2, 3, 2, 3, 2, 3}, {108, 36, 18, 6, 3, 1}, {0, 6, 0, 2, 0, 0}},
       216,
       18}};
  for (const i64 n : {1, 31, 33, 1025}) {
    all.push_back({"same shape", {1, n, {n}, {1}, {1}}, n, n});
    all.push_back({"b is one number", {1, n, {n}, {1}, {0}}, n, 1});
    all.push_back({"a is one number", {1, n, {n}, {0}, {1}}, 1, n});
  }
  return all;
}

template <class Op, class T>
void test_binary() {
  for (const Case& c : cases()) {
    SCOPED_TRACE(c.name);
    for (const i64 shift : {0, 1}) {
      Numbers numbers;
      const i64 n = c.shape.elements;
      Array<T> a(c.a, numbers, shift);
      // Values of b are not near 0, for div, and one equals a value of a, for maximum.
      Array<T> b(c.b, numbers, 0.5, 2.0, shift);
      if (c.a > 0 && c.b > 0) b[0] = a[0];
      const Array<T> dc(n, numbers, shift);
      const auto a64 = a.numbers(), b64 = b.numbers(), dc64 = dc.numbers();
      std::vector<double> value(static_cast<std::size_t>(n)), to_a(value), to_b(value);
      const BinaryInputs<double> in64{a64.data(), b64.data()};
      const BinaryInputs<T> in{a.data(), b.data()};
      binary_forward<Op>(Cpu{}, value.data(), in64, c.shape);
      binary_backward<Op, double>(Cpu{}, {to_a.data(), to_b.data()}, dc64.data(), in64, c.shape);
      in_every_order([&] {
        Array<T> y(n, shift), da(n, shift), db(n);
        binary_forward<Op>(Cuda{}, y.data(), in, c.shape);
        expect_near(y, value, 4 * tolerance<T>());
        binary_backward<Op, T>(Cuda{}, {da.data(), db.data()}, dc.data(), in, c.shape);
        expect_near(da, to_a, 4 * tolerance<T>());
        expect_near(db, to_b, 8 * tolerance<T>());
        Array<T> only(dc);  // da may alias dc without db
        binary_backward<Op, T>(Cuda{}, {.da = only.data()}, only.data(), in, c.shape);
        expect_same_bytes(only, da);
        Array<T> other(n);
        binary_backward<Op, T>(Cuda{}, {.db = other.data()}, dc.data(), in, c.shape);
        expect_same_bytes(other, db);
        if (c.a == n) {  // the output may alias an input of its shape
          Array<T> in_place(a);
          binary_forward<Op, T>(Cuda{}, in_place.data(), {in_place.data(), b.data()}, c.shape);
          expect_same_bytes(in_place, y);
        }
        if (c.b == n) {
          Array<T> in_place(b);
          binary_forward<Op, T>(Cuda{}, in_place.data(), {a.data(), in_place.data()}, c.shape);
          expect_same_bytes(in_place, y);
        }
      });
    }
  }
}

#define WEFT_TEST_BINARY(op, Op)                        \
  TEST(CudaBroadcast, op) {                             \
    for_types([]<class T>() { test_binary<Op, T>(); }); \
  }
WEFT_BINARY_OPS(WEFT_TEST_BINARY)

}  // namespace
}  // namespace weft::kernels::test
