// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

Tensor table(const testing::Draw& draw) { return draw.normal({17, draw.size.cols}); }
// The table has fewer rows than there are indices, so some rows are read often, and some perhaps
// never.
Tensor indices(const testing::Draw& draw) { return draw.integers({draw.size.rows, 2}, 17); }

Variable rows_by_number(const testing::Variables& a) {
  const Tensor &rows = a[0].value(), &numbers = a[1].value();
  const i64 cols = rows.size(1);
  Tensor y = Tensor::empty({numbers.size(0), 2, cols}, DType::f64);
  for (i64 i = 0; i < numbers.elements(); ++i)
    std::copy_n(rows.data<double>() + numbers.data<i64>()[i] * cols, cols,
                y.data<double>() + i * cols);
  return Variable(y);
}
Tensor ints(std::vector<i64> values) {
  return Tensor::copy_of(values, {static_cast<i64>(values.size())});
}

WEFT_OP_ROW(embedding, {.inputs = {table, indices},
                        .op = [](auto& a) { return embedding(a[0], a[1].value()); },
                        .reference = rows_by_number,
                        .errors = {{[] {
                                      embedding(Tensor::zeros({3, 2}), ints({0, 2, 3, 5}));
                                    },
                                    "index 3 at position 2; indices must be in 0..2"},
                                   {[] {
                                      embedding(Tensor::zeros({3, 2}), ints({-1}));
                                    },
                                    "index -1 at position 0"},
                                   {[] { embedding(Tensor::zeros({3}), ints({0})); },
                                    "a table (rows, columns) and int64 indices are required"},
                                   {[] {
                                      embedding(Tensor::zeros({3, 2}), Tensor::zeros({1}));
                                    },
                                    "f32 (1)"}}});

// The row above is too small for several threads, so this test uses a larger table.
TEST(Embedding, TheGradientOfABigTableIsTheSameForAnyNumberOfThreads) {
  const testing::MachineState restore;
  const i64 rows = 2000, cols = 128, n = 5000;
  std::mt19937_64 engine(3);
  const testing::Draw draw{{}, {}, engine};
  const Tensor dy = draw.normal({n, cols}).to(DType::f32), numbers = draw.integers({n}, rows);
  const Tensor sums = Tensor::zeros({rows, cols}, DType::f64);
  for (i64 i = 0; i < n; ++i)
    for (i64 c = 0; c < cols; ++c)
      sums.data<double>()[numbers.data<i64>()[i] * cols + c] +=
          static_cast<double>(dy.data<float>()[i * cols + c]);
  const Tensor expected = sums.to(DType::f32);  // rounded once
  for (int threads = 1; threads <= testing::most_threads(); ++threads) {
    set_threads(threads);
    const testing::Poison poison;
    Tensor actual = Tensor::empty({rows, cols});
    embedding_backward(actual, dy, numbers);
    EXPECT_EQ(testing::difference_in_bytes(actual, expected), "");
  }
}

}  // namespace
}  // namespace weft
