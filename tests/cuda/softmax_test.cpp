// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/softmax.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};
// Warps and whole blocks for a row, rows that registers hold and rows that they do not, rows that are read by packs
// where they are aligned (those of 8·n columns) and rows that are not.
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
        softmax_forward(Cpu{}, wanted.data(), x64.data(), s.rows, s.cols);
        log_softmax_forward(Cpu{}, wanted_log.data(), x64.data(), s.rows, s.cols);
        in_every_order([&] {
          Array<T> y(x.size()), in_place(x), log_in_place(x);
          softmax_forward(Cuda{}, y.data(), x.data(), s.rows, s.cols);
          expect_near(y, wanted);
          softmax_forward(Cuda{}, in_place.data(), in_place.data(), s.rows, s.cols);
          expect_same_bytes(in_place, y);
          log_softmax_forward(Cuda{}, log_in_place.data(), log_in_place.data(), s.rows, s.cols);
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
        softmax_backward(Cpu{}, wanted.data(), dy64.data(), y64.data(), s.rows, s.cols);
        log_softmax_backward(Cpu{}, wanted_log.data(), dy64.data(), y64.data(), s.rows, s.cols);
        in_every_order([&] {
          Array<T> dx(dy), dx_log(dy);  // dx may be dy
          softmax_backward(Cuda{}, dx.data(), dx.data(), y.data(), s.rows, s.cols);
          expect_near(dx, wanted, 20 * tolerance<T>());
          log_softmax_backward(Cuda{}, dx_log.data(), dx_log.data(), y.data(), s.rows, s.cols);
          expect_near(dx_log, wanted_log, 20 * tolerance<T>());
        });
      }
    }
  });
}

TEST(CudaSoftmax, NanAndMinusInfinityAreTheCpus) {
  for (const i64 cols : {33, 64, 1025, 1028}) {
    Numbers numbers;
    Array<float> x(4 * cols, numbers), wanted(4 * cols);
    x[7] = NAN;                                                  // row 0: NaN
    for (i64 c = 0; c < cols; ++c) x[cols + c] = -INFINITY;      // row 1: nothing to share: NaN
    for (i64 c = 1; c < cols; ++c) x[2 * cols + c] = -INFINITY;  // row 2: all for the first
    softmax_forward(Cpu{}, wanted.data(), x.data(), 4, cols);
    in_every_order([&] {
      Array<float> y(4 * cols);
      softmax_forward(Cuda{}, y.data(), x.data(), 4, cols);
      expect_near(y, wanted.numbers());
    });
  }
}

}  // namespace
}  // namespace weft::kernels::test
