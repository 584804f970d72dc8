// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/statistics.h"

#include "weft/tests/nn/nn_test_tools.h"

namespace weft::nn {
namespace {

// One channel, whose running mean and variance are 1.
struct Layer {
  Tensor mean = Tensor::full({1}, 1), variance = Tensor::full({1}, 1),
         batches = Tensor::zeros({}, DType::int64);

  void observe(double observed_mean, double observed_variance, double momentum) const {
    update_statistics({mean, variance, batches, Tensor::full({1}, observed_mean, DType::f64),
                       Tensor::full({1}, observed_variance, DType::f64), momentum});
  }
  std::vector<double> values() const {
    return {doubles(mean)[0], doubles(variance)[0], static_cast<double>(batches.item<i64>())};
  }
};
using Values = std::vector<double>;

TEST(Statistics, WithoutAScopeTheyMoveAtOnce) {
  const Layer layer;
  layer.observe(3, 5, 0.25);
  EXPECT_EQ(layer.values(), (Values{1.5, 2, 1}));
}

TEST(Statistics, AScopeHoldsThemUntilCommitInOrder) {
  const Layer layer;
  StatisticsScope scope;
  layer.observe(3, 1, 0.5);
  layer.observe(10, 1, 0.5);
  EXPECT_EQ(scope.pending(), 2);
  EXPECT_EQ(layer.values(), (Values{1, 1, 0}));
  scope.commit();
  EXPECT_EQ(layer.values(), (Values{6, 1, 2}));  // 1 → 2 → 6
  scope.commit();
  EXPECT_EQ(layer.values(), (Values{6, 1, 2}));
}

TEST(Statistics, ASkippedStepLeavesNoTrace) {
  const Layer layer;
  StatisticsScope scope;
  layer.observe(NAN, NAN, 0.5);
  scope.commit(true);
  scope.commit();
  EXPECT_EQ(layer.values(), (Values{1, 1, 0}));
}

TEST(Statistics, ScopesNestAndDropWhatWasNotCommitted) {
  const Layer layer;
  StatisticsScope outer;
  {
    StatisticsScope inner;
    layer.observe(3, 1, 0.5);
    EXPECT_EQ(outer.pending(), 0);
  }
  layer.observe(5, 1, 0.5);
  outer.commit();
  EXPECT_EQ(layer.values(), (Values{3, 1, 1}));
}

}  // namespace
}  // namespace weft::nn
