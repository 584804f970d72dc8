// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct Size {
  i64 rows, cols;
};
const Size kRows[] = {{0, 5}, {1, 1}, {9, 31}, {33, 10}, {3, 33}, {2, 1025}};

// The weight of a row: 1 for all rows; 0 for label −7, which is then no bad label; or also the
// weight of the label.
enum class Counting { alike, ignoring, weighted };

void expect_reference(const Size& s, double smoothing, Counting counting, i64 shift) {
  for_types([&]<class T>() {
    const bool ignores = counting != Counting::alike, weighted = counting == Counting::weighted;
    SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.cols << ", " << smoothing << ", "
                                      << ignores << weighted << ", shift " << shift);
    Numbers numbers;
    const Array<T> x(s.rows * s.cols, numbers, -20, 20, shift), w(s.cols, numbers, 0.25, 2);
    Array<i64> label(s.rows);
    for (i64 r = 0; r < s.rows; ++r) label[r] = ignores && r % 3 == 1 ? -7 : numbers.below(s.cols);
    Array<T> dloss(1);
    Array<double> sum(1);
    dloss[0] = converted<T>(0.5);
    const Array<T> each(s.rows, numbers, -1, 1);  // a gradient for each row
    const auto each64 = each.numbers();
    const auto x64 = x.numbers(), w64 = w.numbers();
    double sum64 = 0;
    for (const double one : w64) sum64 += one;
    sum[0] = sum64;
    const LabelTerms<double> here{smoothing, weighted ? w64.data() : nullptr, &sum64, ignores, -7};
    const LabelTerms<T> there{smoothing, weighted ? w.data() : nullptr, sum.data(), ignores, -7};
    const auto rows = static_cast<std::size_t>(s.rows);
    std::vector<double> loss64(rows), max64(rows), log64(rows), k64(rows), dx64(x64.size());
    i64 bad64 = 7;
    cross_entropy_forward<double>(
        Cpu{},
        {loss64.data(), ignores ? k64.data() : nullptr, {max64.data(), log64.data()}, &bad64},
        view(x64, s.rows, s.cols), label.data(), here);
    in_every_order([&] {
      Array<double> loss(s.rows);
      Array<T> max(s.rows), log(s.rows), k(s.rows), dx(x.size(), shift);
      Array<i64> bad(1);
      bad[0] = 7;
      cross_entropy_forward<T>(
          Cuda{}, {loss.data(), ignores ? k.data() : nullptr, {max.data(), log.data()}, bad.data()},
          view(x, s.rows, s.cols), label.data(), there);
      expect_near(loss, loss64, 5 * tolerance<T>());
      expect_near(max, max64);
      expect_near(log, log64);
      if (ignores) expect_near(k, k64);
      EXPECT_EQ(bad[0], -1);
      // The backward pass reads what is stored, which is rounded to T.
      const double d = 0.5;
      const auto stored_max = max.numbers(), stored_log = log.numbers();
      cross_entropy_backward<double>(Cpu{}, view(dx64, s.rows, s.cols), view(x64, s.rows, s.cols),
                                     {stored_max.data(), stored_log.data()}, label.data(), {&d},
                                     3.0, here);
      cross_entropy_backward<T>(Cuda{}, view(dx, s.rows, s.cols), view(x, s.rows, s.cols),
                                {max.data(), log.data()}, label.data(), {dloss.data()}, 3.0, there);
      expect_near(dx, dx64, 5 * tolerance<T>());
      cross_entropy_backward<double>(Cpu{}, view(dx64, s.rows, s.cols), view(x64, s.rows, s.cols),
                                     {stored_max.data(), stored_log.data()}, label.data(),
                                     {each64.data(), true}, 1.0, here);
      cross_entropy_backward<T>(Cuda{}, view(dx, s.rows, s.cols), view(x, s.rows, s.cols),
                                {max.data(), log.data()}, label.data(), {each.data(), true}, 1.0,
                                there);
      expect_near(dx, dx64, 5 * tolerance<T>());
    });
  });
}

TEST(CudaCrossEntropy, ForwardAndBackward) {
  for (const Size& s : kRows)
    for (const double smoothing : {0.0, 0.1})
      for (const i64 shift : {0, 1}) expect_reference(s, smoothing, Counting::alike, shift);
}

TEST(CudaCrossEntropy, WeighsAndIgnoresRows) {
  for (const Size& s : kRows)
    for (const double smoothing : {0.0, 0.1})
      for (const Counting counting : {Counting::ignoring, Counting::weighted})
        expect_reference(s, smoothing, counting, 0);
}

// As a label outside of the classes does.
TEST(CudaCrossEntropy, AWeightBelowZeroGivesNaN) {
  for_types([]<class T>() {
    Numbers numbers;
    const Array<T> x(6, numbers, -2, 2);
    Array<T> w(3), max(2), log(2), k(2);
    Array<double> sum(1), loss(2);
    Array<i64> label(2), bad(1);
    for (i64 c = 0; c < 3; ++c) w[c] = converted<T>(c == 1 ? -0.5 : 1.0);
    label[0] = 1;
    label[1] = 2;
    cross_entropy_forward<T>(Cuda{}, {loss.data(), k.data(), {max.data(), log.data()}, bad.data()},
                             view(x, 2, 3), label.data(), {0.0, w.data(), sum.data(), false, 0});
    EXPECT_TRUE(std::isnan(loss.numbers()[0]));
    EXPECT_TRUE(std::isfinite(loss.numbers()[1]));
  });
}

TEST(CudaCrossEntropy, TheMeanOfNothingIsZero) {
  for_types([]<class T>() {
    for (const double weight : {0.0, 4.0}) {
      Array<T> loss(1);
      Array<double> share(1), total(1), counted(1);
      total[0] = 6;
      counted[0] = weight;
      cross_entropy_mean<T>(Cuda{}, {.loss = loss.data(),
                                     .share = share.data(),
                                     .sum = total.data(),
                                     .weight = counted.data()});
      synchronize(Cuda{});
      EXPECT_EQ(loss.numbers()[0], weight == 0 ? 0 : 1.5);
      EXPECT_EQ(share.numbers()[0], weight == 0 ? 0 : 0.25);
    }
  });
}

TEST(CudaCrossEntropy, NamesTheFirstBadLabel) {
  for (const i64 rows : {3, 700}) {
    Numbers numbers;
    const Array<float> x(rows * 5, numbers);
    Array<i64> label(rows);
    for (i64 r = 0; r < rows; ++r) label[r] = r % 5;
    label[rows - 1] = -1;
    label[rows - 2] = 5;
    in_every_order([&] {
      Array<double> loss(rows);
      Array<float> max(rows), log(rows);
      Array<i64> bad(1);
      cross_entropy_forward<float>(Cuda{},
                                   {loss.data(), nullptr, {max.data(), log.data()}, bad.data()},
                                   view(x, rows, 5), label.data(), {});
      EXPECT_EQ(bad[0], rows - 2);
      EXPECT_TRUE(std::isnan(loss[rows - 1]));
      EXPECT_TRUE(std::isnan(loss[rows - 2]));
      EXPECT_FALSE(std::isnan(loss[0]));
    });
  }
}

}  // namespace
}  // namespace weft::kernels::test
