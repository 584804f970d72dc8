// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/gather.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

const GatherShape kShapes[] = {{1, 3, 0, 4, false},  {2, 0, 0, 5, true},   {1, 1, 1, 1, true},
                               {3, 7, 40, 5, false}, {2, 6, 33, 31, true}, {31, 40, 3, 1, true},
                               {2, 5, 9, 300, false}};

// One index is too large and one is negative, where there are enough.
Array<i64> indices(const GatherShape& s) {
  Numbers numbers(3);
  Array<i64> index(s.per_element ? s.outer * s.k * s.inner : s.k);
  for (i64 i = 0; i < index.size(); ++i) index[i] = numbers.below(s.n);
  if (index.size() > 8) {
    index[3] = s.n;
    index[7] = -1;
  }
  return index;
}

TEST(CudaGather, Forward) {
  const auto test = []<class T>() {
    for (const GatherShape& s : kShapes) {
      Numbers numbers;
      const Array<T> x(s.outer * s.n * s.inner, numbers, 0, 100);
      const Array<i64> index = indices(s);
      Array<T> wanted(s.outer * s.k * s.inner), cpu(wanted.size());  // 0xff in each byte
      for (i64 o = 0; o < s.outer; ++o)
        for (i64 j = 0; j < s.k; ++j)
          for (i64 i = 0; i < s.inner; ++i) {
            const i64 r = index[s.per_element ? (o * s.k + j) * s.inner + i : j];
            if (r >= 0 && r < s.n)
              wanted[(o * s.k + j) * s.inner + i] = x[(o * s.n + r) * s.inner + i];
          }
      gather_forward(Cpu{}, cpu.data(), x.data(), index.data(), sizeof(T), s);
      expect_same_bytes(cpu, wanted);
      in_every_order([&] {
        Array<T> y(wanted.size());
        gather_forward(Cuda{}, y.data(), x.data(), index.data(), sizeof(T), s);
        expect_same_bytes(y, wanted);
      });
    }
  };
  test.operator()<u8>();
  test.operator()<half>();
  test.operator()<float>();
  test.operator()<double>();
}

// Sums in order equal the CPU's bit for bit in float.
TEST(CudaGather, Backward) {
  for_types([]<class T>() {
    for (const GatherShape& s : kShapes) {
      Numbers numbers;
      const Array<T> dy(s.outer * s.k * s.inner, numbers);
      const Array<i64> index = indices(s);
      const auto dy64 = dy.numbers();
      std::vector<double> wanted(static_cast<std::size_t>(s.outer * s.n * s.inner)), cpu(wanted);
      for (i64 o = 0; o < s.outer; ++o)
        for (i64 j = 0; j < s.k; ++j)
          for (i64 i = 0; i < s.inner; ++i) {
            const i64 at = (o * s.k + j) * s.inner + i, r = index[s.per_element ? at : j];
            if (r >= 0 && r < s.n)
              wanted[static_cast<std::size_t>((o * s.n + r) * s.inner + i)] +=
                  dy64[static_cast<std::size_t>(at)];
          }
      gather_backward<double>(Cpu{}, cpu.data(), dy64.data(), index.data(), s);
      EXPECT_EQ(cpu, wanted);
      in_every_order([&] {
        Array<T> dx(s.outer * s.n * s.inner);
        gather_backward<T>(Cuda{}, dx.data(), dy.data(), index.data(), s);
        expect_near(dx, wanted, 5 * tolerance<T>());
        if constexpr (std::is_same_v<T, float>) {
          Array<float> on_cpu(dx.size());
          gather_backward<float>(Cpu{}, on_cpu.data(), dy.data(), index.data(), s);
          expect_same_bytes(dx, on_cpu);
        }
      });
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
