// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/cross_entropy_soft.h"

#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

struct SoftSize {
  i64 rows, cols;
};
const SoftSize kSoftSizes[] = {{0, 5}, {1, 1}, {9, 31}, {33, 10}, {3, 33}, {5, 16}, {2, 1025}};

// A step of the training loss is a scalar dloss; a loss for each row has a gradient for each row.
void expect_soft_reference(const SoftSize& s, double smoothing, bool weighted, i64 shift) {
  for_types([&]<class T>() {
    SCOPED_TRACE(::testing::Message() << s.rows << ", " << s.cols << ", " << smoothing << ", "
                                      << weighted << ", shift " << shift);
    Numbers numbers;
    const i64 size = s.rows * s.cols;
    const Array<T> x(size, numbers, -20, 20, shift), t(size, numbers, 0, 1, shift),
        w(s.cols, numbers, 0.25, 2), dloss(s.rows, numbers, -1, 1);
    const auto x64 = x.numbers(), t64 = t.numbers(), w64 = w.numbers(), dloss64 = dloss.numbers();
    const SoftTerms<double> here{smoothing, weighted ? w64.data() : nullptr};
    const SoftTerms<T> there{smoothing, weighted ? w.data() : nullptr};
    const auto rows = static_cast<std::size_t>(s.rows);
    std::vector<double> loss64(rows), max64(rows), log64(rows), k64(rows), dx64(x64.size()),
        dt64(x64.size());
    cross_entropy_soft_forward<double>(Cpu{},
                                       {loss64.data(), k64.data(), {max64.data(), log64.data()}},
                                       view(x64, s.rows, s.cols), view(t64, s.rows, s.cols), here);
    in_every_order([&] {
      Array<double> loss(s.rows);
      Array<T> max(s.rows), log(s.rows), k(s.rows), dx(size, shift), dt(size, shift);
      cross_entropy_soft_forward<T>(Cuda{}, {loss.data(), k.data(), {max.data(), log.data()}},
                                    view(x, s.rows, s.cols), view(t, s.rows, s.cols), there);
      expect_near(loss, loss64, 5 * tolerance<T>());
      expect_near(max, max64);
      expect_near(log, log64);
      expect_near(k, k64);
      // The backward pass reads what is stored, which is rounded to T.
      const auto stored_max = max.numbers(), stored_log = log.numbers(), stored_k = k.numbers();
      for (const bool per_row : {false, true}) {
        if (!per_row && s.rows == 0) continue;
        cross_entropy_soft_backward<double>(
            Cpu{}, {dx64.data(), dt64.data()}, view(x64, s.rows, s.cols), view(t64, s.rows, s.cols),
            {{stored_max.data(), stored_log.data()}, stored_k.data()}, {dloss64.data(), per_row},
            3.0, here);
        cross_entropy_soft_backward<T>(
            Cuda{}, {dx.data(), dt.data()}, view(x, s.rows, s.cols), view(t, s.rows, s.cols),
            {{max.data(), log.data()}, k.data()}, {dloss.data(), per_row}, 3.0, there);
        expect_near(dx, dx64, 5 * tolerance<T>());
        expect_near(dt, dt64, 5 * tolerance<T>());
      }
      // One of the gradients alone.
      Array<T> only_dx(size, shift), only_dt(size, shift);
      const RowLossGradient<T> gradient{dloss.data(), true};
      const SoftCrossEntropySaved<T> saved{{max.data(), log.data()}, k.data()};
      const auto x_view = view(x, s.rows, s.cols), t_view = view(t, s.rows, s.cols);
      cross_entropy_soft_backward<T>(Cuda{}, {only_dx.data(), nullptr}, x_view, t_view, saved,
                                     gradient, 3.0, there);
      cross_entropy_soft_backward<T>(Cuda{}, {nullptr, only_dt.data()}, x_view, t_view, saved,
                                     gradient, 3.0, there);
      if (size == 0) return;
      EXPECT_EQ(only_dx.numbers(), dx.numbers());
      EXPECT_EQ(only_dt.numbers(), dt.numbers());
    });
  });
}

TEST(CudaSoftCrossEntropy, ForwardAndBackward) {
  for (const SoftSize& s : kSoftSizes)
    for (const i64 shift : {0, 1}) expect_soft_reference(s, 0.0, false, shift);
}

TEST(CudaSoftCrossEntropy, SmoothsAndWeighsClasses) {
  for (const SoftSize& s : kSoftSizes)
    for (const bool weighted : {false, true}) expect_soft_reference(s, 0.1, weighted, 0);
}

}  // namespace
}  // namespace weft::kernels::test
