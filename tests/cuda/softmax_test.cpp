// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"

#include <algorithm>

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};
// The sizes cover a warp and a block per row, rows that fit in registers and rows that do not, and
// rows that are read in packs if aligned (those of 8·n columns) and rows that are not.
const Size kRows[] = {{0, 5},   {1, 1},    {9, 31},   {3, 33},   {33, 10},  {9, 8},
                      {2, 300}, {3, 1016}, {2, 1025}, {2, 1032}, {1, 2500}, {1, 2568}};

TEST(CudaSoftmax, Forward) {
  for_types([]<class T>() {
    for (const Size s : kRows) {
      SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.cols);
      for (const i64 shift : {0, 1}) {
        const double reach = shift == 0 ? 400.0 : 2.0;
        Numbers numbers;
        const Array<T> x(s.rows * s.cols, numbers, -reach, reach, shift);
        const auto x64 = x.numbers();
        std::vector<double> wanted(x64.size()), wanted_log(x64.size());
        softmax_forward<double>(Cpu{}, view(wanted, s.rows, s.cols), view(x64, s.rows, s.cols));
        log_softmax_forward<double>(Cpu{}, view(wanted_log, s.rows, s.cols),
                                    view(x64, s.rows, s.cols));
        in_every_order([&] {
          Array<T> y(x.size()), in_place(x), log_in_place(x);
          softmax_forward<T>(Cuda{}, view(y, s.rows, s.cols), view(x, s.rows, s.cols));
          expect_near(y, wanted);
          softmax_forward<T>(Cuda{}, view(in_place, s.rows, s.cols),
                             view(in_place, s.rows, s.cols));
          expect_same_bytes(in_place, y);
          log_softmax_forward<T>(Cuda{}, view(log_in_place, s.rows, s.cols),
                                 view(log_in_place, s.rows, s.cols));
          expect_near(log_in_place, wanted_log);
        });
      }
    }
  });
}

TEST(CudaSoftmax, Backward) {
  for_types([]<class T>() {
    for (const Size s : kRows) {
      for (const i64 shift : {0, 1}) {
        SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.cols << ", shift " << shift);
        Numbers numbers;
        const Array<T> dy(s.rows * s.cols, numbers), y(s.rows * s.cols, numbers, -3.0, 0.0, shift);
        const auto dy64 = dy.numbers(), y64 = y.numbers();
        std::vector<double> wanted(dy64.size()), wanted_log(dy64.size());
        softmax_backward<double>(Cpu{}, view(wanted, s.rows, s.cols), view(dy64, s.rows, s.cols),
                                 view(y64, s.rows, s.cols));
        log_softmax_backward<double>(Cpu{}, view(wanted_log, s.rows, s.cols),
                                     view(dy64, s.rows, s.cols), view(y64, s.rows, s.cols));
        in_every_order([&] {
          Array<T> dx(dy), dx_log(dy);  // dx may alias dy
          softmax_backward<T>(Cuda{}, view(dx, s.rows, s.cols), view(dx, s.rows, s.cols),
                              view(y, s.rows, s.cols));
          expect_near(dx, wanted, 20 * tolerance<T>());
          log_softmax_backward<T>(Cuda{}, view(dx_log, s.rows, s.cols),
                                  view(dx_log, s.rows, s.cols), view(y, s.rows, s.cols));
          expect_near(dx_log, wanted_log, 20 * tolerance<T>());
        });
      }
    }
  });
}

// Rows that several blocks share: whole parts and a rest, read in packs and not.
TEST(CudaSoftmax, WideRows) {
  const i64 rows = 2, cols = 4 * 4096 + 24;
  for_types([&]<class T>() {
    for (const i64 shift : {0, 1}) {
      SCOPED_TRACE(shift);
      Numbers numbers;
      const Array<T> x(rows * cols, numbers, -9.0, 9.0, shift), dy(rows * cols, numbers);
      const auto x64 = x.numbers(), dy64 = dy.numbers();
      std::vector<double> wanted(x64.size()), wanted_log(x64.size()), dx64(x64.size()),
          dx_log64(x64.size());
      softmax_forward<double>(Cpu{}, view(wanted, rows, cols), view(x64, rows, cols));
      log_softmax_forward<double>(Cpu{}, view(wanted_log, rows, cols), view(x64, rows, cols));
      Array<T> first(x), first_log(x), first_dx(dy), first_dx_log(dy);
      const auto compute = [&](Array<T>& y, Array<T>& log, Array<T>& dx, Array<T>& dx_log) {
        softmax_forward<T>(Cuda{}, view(y, rows, cols), view(y, rows, cols));
        log_softmax_forward<T>(Cuda{}, view(log, rows, cols), view(log, rows, cols));
        softmax_backward<T>(Cuda{}, view(dx, rows, cols), view(dx, rows, cols),
                            view(y, rows, cols));
        log_softmax_backward<T>(Cuda{}, view(dx_log, rows, cols), view(dx_log, rows, cols),
                                view(log, rows, cols));
      };
      compute(first, first_log, first_dx, first_dx_log);
      const auto again = [&] {
        Array<T> y(x), log(x), dx(dy), dx_log(dy);
        compute(y, log, dx, dx_log);
        // Neither the order of threads nor that of blocks changes a bit.
        expect_same_bytes(y, first);
        expect_same_bytes(log, first_log);
        expect_same_bytes(dx, first_dx);
        expect_same_bytes(dx_log, first_dx_log);
      };
      if (shift == 0) in_every_order(again);
      // The probabilities are small, so they are compared as shares of the largest.
      const auto y = first.numbers(), log = first_log.numbers();
      const double largest = *std::max_element(wanted.begin(), wanted.end());
      for (std::size_t i = 0; i < y.size(); ++i)
        ASSERT_NEAR(y[i] / largest, wanted[i] / largest, 8 * tolerance<T>()) << i;
      expect_near(first_log, wanted_log);
      softmax_backward<double>(Cpu{}, view(dx64, rows, cols), view(dy64, rows, cols),
                               view(y, rows, cols));
      log_softmax_backward<double>(Cpu{}, view(dx_log64, rows, cols), view(dy64, rows, cols),
                                   view(log, rows, cols));
      const auto dx = first_dx.numbers();
      for (std::size_t i = 0; i < dx.size(); ++i)
        ASSERT_NEAR(dx[i] / largest, dx64[i] / largest, 20 * tolerance<T>()) << i;
      expect_near(first_dx_log, dx_log64, 20 * tolerance<T>());
    }
  });
}

TEST(CudaSoftmax, NanAndMinusInfinityAreTheCpus) {
  for (const i64 cols : {33, 64, 1025, 1028}) {
    Numbers numbers;
    Array<float> x(4 * cols, numbers), wanted(4 * cols);
    x[7] = NAN;                                              // row 0 has a NaN
    for (i64 c = 0; c < cols; ++c) x[cols + c] = -INFINITY;  // row 1 is all −∞, so it gives NaN
    for (i64 c = 1; c < cols; ++c) x[2 * cols + c] = -INFINITY;  // row 2 has one finite value
    softmax_forward<float>(Cpu{}, view(wanted, 4, cols), view(x, 4, cols));
    in_every_order([&] {
      Array<float> y(4 * cols);
      softmax_forward<float>(Cuda{}, view(y, 4, cols), view(x, 4, cols));
      expect_near(y, wanted.numbers());
    });
  }
}

}  // namespace
}  // namespace weft::kernels::test
