// SPDX-License-Identifier: Apache-2.0
// Tests of the kernels for data and metrics, normalise and count_top_k.
#include "weft/kernels/count_top_k.h"
#include "weft/kernels/normalize.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};

TEST(CudaNormalize, BytesAndFloats) {
  const auto test = [&]<class From>() {
    for (const Size s : {Size{0, 3}, {1, 1}, {33, 1}, {1025, 1}, {31, 3}, {5, 7}, {100, 4}}) {
      for (const i64 shift : {0, 1}) {
        Numbers numbers;
        const Array<From> x(s.rows * s.cols, numbers, 0, 255, shift);
        const Array<float> terms(NormalizeTerms<From>::kTerms * s.cols, numbers);
        Array<float> wanted(x.size());
        normalize<From>(Cpu{}, view(wanted, s.rows, s.cols), view(x, s.rows, s.cols), terms.data());
        in_every_order([&] {
          Array<float> y(x.size(), shift);
          normalize<From>(Cuda{}, view(y, s.rows, s.cols), view(x, s.rows, s.cols), terms.data());
          expect_near(y, wanted.numbers());
        });
      }
    }
  };
  test.operator()<u8>();
  test.operator()<float>();
}

TEST(CudaCountTopK, CountsAsTheCpuDoes) {
  for_types([]<class T>() {
    for (const Size s : {Size{0, 3}, {1, 1}, {33, 10}, {300, 5}, {3, 1025}}) {
      for (const i64 k : {1, 3}) {
        Numbers numbers;
        Array<T> x(s.rows * s.cols, numbers);
        for (i64 i = 0; i < x.size(); i += 3) x[i] = converted<T>(0.5);  // ties
        if (x.size() > 4) x[4] = converted<T>(NAN);
        Array<i64> label(s.rows);
        for (i64 r = 0; r < s.rows; ++r) label[r] = numbers.below(s.cols);
        i64 wanted = 5;  // the kernel adds to the count
        const auto x64 = x.numbers();
        count_top_k<double>(Cpu{}, &wanted, view(x64, s.rows, s.cols), label.data(), k);
        in_every_order([&] {
          Array<i64> count(1);
          count[0] = 5;
          count_top_k<T>(Cuda{}, count.data(), view(x, s.rows, s.cols), label.data(), k);
          EXPECT_EQ(count[0], wanted);
        });
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
