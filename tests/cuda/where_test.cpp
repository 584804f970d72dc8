// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/where.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Case {
  WhereShape shape;
  i64 condition, a, b;  // elements
};

const Case kCases[] = {
    {{1, 0, {0}, {1}, {1}, {1}}, 0, 0, 0},
    {{1, 1, {1}, {0}, {0}, {0}}, 1, 1, 1},
    {{1, 1025, {1025}, {1}, {1}, {0}}, 1025, 1025, 1},
    {{2, 31 * 33, {31, 33}, {0, 1}, {33, 1}, {1, 0}}, 33, 31 * 33, 31},
    {{3, 4 * 3 * 5, {4, 3, 5}, {15, 5, 1}, {0, 5, 1}, {5, 0, 1}}, 60, 15, 20},
};

TEST(CudaWhere, EveryWidth) {
  const auto test = []<class T>() {
    for (const Case& c : kCases) {
      for (const i64 shift : {0, 1}) {
        Numbers numbers;
        Array<u8> condition(c.condition, shift);
        for (i64 i = 0; i < c.condition; ++i) condition[i] = static_cast<u8>(numbers.below(3));
        const Array<T> a(c.a, numbers, 0, 100, shift), b(c.b, numbers, 100, 200, shift);
        const WhereInputs in{condition.data(), a.data(), b.data()};
        Array<T> wanted(c.shape.elements, shift);
        where(Cpu{}, wanted.data(), in, sizeof(T), c.shape);
        in_every_order([&] {
          Array<T> y(c.shape.elements, shift);
          where(Cuda{}, y.data(), in, sizeof(T), c.shape);
          expect_same_bytes(y, wanted);
        });
      }
    }
  };
  test.operator()<u8>();
  test.operator()<half>();
  test.operator()<float>();
  test.operator()<double>();
}

}  // namespace
}  // namespace weft::kernels::test
