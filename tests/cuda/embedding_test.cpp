// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/embedding.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 n, rows, cols;
};
const Size kTables[] = {{0, 3, 4}, {1, 1, 1}, {31, 40, 33}, {600, 70, 8}, {40, 5, 300}};

Array<i64> indices(const Size& s) {
  Numbers numbers(3);
  Array<i64> index(s.n);
  for (i64 i = 0; i < s.n; ++i) index[i] = numbers.below(s.rows);
  return index;
}

TEST(CudaEmbedding, Forward) {
  for_types([]<class T>() {
    for (const Size& s : kTables) {
      for (const i64 shift : {0, 1}) {
        Numbers numbers;
        const Array<T> table(s.rows * s.cols, numbers, shift);
        const Array<i64> index = indices(s);
        in_every_order([&] {
          Array<T> y(s.n * s.cols, shift);
          Array<i64> bad(1);
          bad[0] = 7;
          embedding_forward<T>(Cuda{}, view(y, s.n, s.cols), bad.data(),
                               view(table, s.rows, s.cols), index.data());
          EXPECT_EQ(bad[0], -1);
          for (i64 i = 0; i < s.n; ++i)
            for (i64 c = 0; c < s.cols; ++c)
              ASSERT_EQ(converted<double>(y[i * s.cols + c]),
                        converted<double>(table[index[i] * s.cols + c]));
        });
      }
    }
  });
}

TEST(CudaEmbedding, NamesTheFirstBadIndex) {
  Numbers numbers;
  const Array<float> table(5 * 33, numbers);
  Array<i64> index(400);
  for (i64 i = 0; i < 400; ++i) index[i] = i % 5;
  index[390] = -1;
  index[301] = 5;
  in_every_order([&] {
    Array<float> y(400 * 33);
    Array<i64> bad(1);
    embedding_forward<float>(Cuda{}, view(y, 400, 33), bad.data(), view(table, 5, 33),
                             index.data());
    EXPECT_EQ(bad[0], 301);
    for (i64 c = 0; c < 33; ++c) {
      EXPECT_TRUE(std::isnan(y[301 * 33 + c]) && std::isnan(y[390 * 33 + c]));
      EXPECT_FALSE(std::isnan(y[302 * 33 + c]));
    }
  });
}

// Sums in order equal the CPU's bit for bit in float. Sums by atomics are only close.
void expect_sums(bool in_order) {
  for_types([&]<class T>() {
    for (const Size& s : kTables) {
      Numbers numbers;
      const Array<T> dy(s.n * s.cols, numbers, 1);
      const Array<i64> index = indices(s);
      std::vector<double> wanted(static_cast<std::size_t>(s.rows * s.cols));
      const auto dy64 = dy.numbers();
      embedding_backward<double>(Cpu{}, view(wanted, s.rows, s.cols), view(dy64, s.n, s.cols),
                                 index.data());
      in_every_order([&] {
        Array<T> dtable(s.rows * s.cols);
        embedding_backward<T>(Cuda{}, view(dtable, s.rows, s.cols), view(dy, s.n, s.cols),
                              index.data());
        expect_near(dtable, wanted, 5 * tolerance<T>());
        if constexpr (std::is_same_v<T, float>) {
          if (!in_order) return;
          Array<T> cpu(dtable.size());
          embedding_backward<T>(Cpu{}, view(cpu, s.rows, s.cols), view(dy, s.n, s.cols),
                                index.data());
          expect_same_bytes(dtable, cpu);
        }
      });
    }
  });
}

TEST(CudaEmbedding, Backward) { expect_sums(true); }

TEST(CudaEmbedding, BackwardByAtomics) {
  embedding_atomics = true;
  expect_sums(false);
  embedding_atomics = false;
}

}  // namespace
}  // namespace weft::kernels::test
