// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/top_k.h"

#include <algorithm>
#include <numeric>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols, k;
};
const Size kMatrices[] = {{0, 5, 2},   {1, 1, 1},   {3, 4, 0},   {9, 33, 4},
                          {2, 12, 12}, {10, 40, 3}, {2, 1025, 2}};

// The columns of a row by a stable sort. NaN has no place in the order of numbers, so it is sorted
// as infinity, which no element is.
std::vector<i64> sorted(std::vector<double> row) {
  for (double& value : row) value = std::isnan(value) ? INFINITY : value;
  std::vector<i64> columns(row.size());
  std::iota(columns.begin(), columns.end(), 0);
  std::stable_sort(columns.begin(), columns.end(), [&](i64 a, i64 b) {
    return row[static_cast<std::size_t>(a)] > row[static_cast<std::size_t>(b)];
  });
  return columns;
}

TEST(CudaTopK, IsAStableSort) {
  for_types([]<class T>() {
    for (const Size s : kMatrices) {
      for (const bool with_nan : {false, true}) {
        SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.cols << ", " << s.k);
        Numbers numbers;
        Array<T> x(s.rows * s.cols);
        for (i64 i = 0; i < x.size(); ++i)
          x[i] = converted<T>(static_cast<double>(numbers.below(20)));  // ties
        if (x.size() > 5) x[5] = converted<T>(-INFINITY);
        if (with_nan &&
            s.rows > 1) {  // a row with several, a row of nothing else, and one with none
          for (i64 c = 0; c < s.cols; c += 3) x[c] = converted<T>(NAN);
          for (i64 c = 0; c < s.cols; ++c) x[s.cols + c] = converted<T>(NAN);
        }
        std::vector<double> wanted, all = x.numbers();
        Array<i64> wanted_index(s.rows * s.k);
        for (i64 r = 0; r < s.rows; ++r) {
          const std::vector<double> row(all.begin() + r * s.cols, all.begin() + (r + 1) * s.cols);
          const std::vector<i64> columns = sorted(row);
          for (i64 j = 0; j < s.k; ++j) {
            const i64 c = columns[static_cast<std::size_t>(j)];
            wanted_index[r * s.k + j] = c;
            wanted.push_back(row[static_cast<std::size_t>(c)]);
          }
        }
        std::vector<double> cpu(wanted.size());
        Array<i64> cpu_index(wanted_index.size());
        top_k<double>(Cpu{}, view(cpu, s.rows, s.k), cpu_index.data(), view(all, s.rows, s.cols));
        expect_same_bytes(cpu_index, wanted_index);
        in_every_order([&] {
          Array<T> values(s.rows * s.k);
          Array<i64> index(s.rows * s.k);
          top_k<T>(Cuda{}, view(values, s.rows, s.k), index.data(), view(x, s.rows, s.cols));
          expect_near(values, wanted, 0.0);
          expect_same_bytes(index, wanted_index);
        });
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
