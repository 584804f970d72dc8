// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/arange.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

template <class T>
void test_arange(i64 n, i64 begin) {
  Array<T> wanted(n), cpu(n, 1);
  for (i64 i = 0; i < n; ++i) wanted[i] = converted<T>(begin + i);
  arange<T>(Cpu{}, view(cpu), begin);
  expect_same_bytes(cpu, wanted);
  in_every_order([&] {
    Array<T> y(n, 1);
    arange<T>(Cuda{}, view(y), begin);
    expect_same_bytes(y, wanted);
  });
}

TEST(CudaArange, EveryType) {
  for_types([]<class T>() {
    for (const i64 n : kSizes) test_arange<T>(n, -7);
  });
  for (const i64 n : kSizes) {
    test_arange<i64>(n, i64{1} << 60);
    test_arange<i32>(n, -7);
  }
  test_arange<u8>(200, 55);
}

}  // namespace
}  // namespace weft::kernels::test
