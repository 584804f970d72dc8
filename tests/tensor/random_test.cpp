// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/random.h"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::difference_in_bytes;

Tensor normal(Generator generator, i64 n, DType dtype = DType::f32) {
  Tensor y = Tensor::empty({n}, dtype);
  generator.normal(y, 0, 1);
  return y;
}

TEST(Generator, TheSameSeedGivesTheSameBytesOnAnyNumberOfThreads) {
  const testing::MachineState restore;
  set_threads(1);
  const Tensor alone = normal(Generator(3), 100001);
  set_threads(testing::most_threads());
  EXPECT_EQ(difference_in_bytes(normal(Generator(3), 100001), alone), "");
  EXPECT_NE(difference_in_bytes(normal(Generator(4), 100001), alone), "");
}

TEST(Generator, ACounterResumesWhereItWas) {
  Generator generator(3);
  const Tensor first = Tensor::empty({10}), second = Tensor::empty({10}),
               again = Tensor::empty({10});
  generator.uniform(first, 0, 1);
  Generator resumed(generator.seed(), generator.counter());
  generator.uniform(second, 0, 1);
  resumed.uniform(again, 0, 1);
  EXPECT_EQ(difference_in_bytes(again, second), "");
  EXPECT_NE(difference_in_bytes(first, second), "");
  EXPECT_EQ(generator.next(), resumed.next());
  EXPECT_NE(generator.next(), generator.next());
}

TEST(Generator, FloatAndDoubleDrawTheSameNumbers) {
  EXPECT_EQ(
      testing::difference(normal(Generator(3), 1000), normal(Generator(3), 1000, DType::f64), 1e-6),
      "");
}

// The tolerances are five standard errors of the moments.
TEST(Generator, NormalNumbersHaveTheirMoments) {
  const i64 n = 400000;
  const std::vector<double> x = normal(Generator(1), n, DType::f64).to_vector<double>();
  double sum = 0, squares = 0, cubes = 0, fourth = 0, neighbours = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    sum += x[i];
    squares += x[i] * x[i];
    cubes += x[i] * x[i] * x[i];
    fourth += x[i] * x[i] * x[i] * x[i];
    if (i > 0) neighbours += x[i] * x[i - 1];
  }
  const auto count = static_cast<double>(n);
  const double error = 5 / std::sqrt(count);
  EXPECT_NEAR(sum / count, 0, error);
  EXPECT_NEAR(squares / count, 1, error * std::sqrt(2.0));
  EXPECT_NEAR(cubes / count, 0, error * std::sqrt(15.0));
  EXPECT_NEAR(fourth / count, 3, error * std::sqrt(96.0));
  EXPECT_NEAR(neighbours / count, 0, error);
}

TEST(Generator, UniformNumbersFillTheirRangeEvenly) {
  const i64 n = 100000;
  const Tensor y = Tensor::empty({n});
  Generator(1).uniform(y, -2, 3);
  std::array<i64, 10> bins{};
  for (const float value : y.values<float>()) {
    ASSERT_GE(value, -2);
    ASSERT_LT(value, 3);
    ++bins[static_cast<std::size_t>((value + 2) * 2)];
  }
  for (const i64 bin : bins)
    EXPECT_NEAR(static_cast<double>(bin), n / 10.0, 5 * std::sqrt(n * 0.09));
}

TEST(Generator, RefusesWhatIsNotAFloat) {
  EXPECT_THROW(Generator(1).uniform(Tensor::empty({3}, DType::int64), 0, 1), UserError);
}

TEST(Generator, ManualSeedSeedsTheDefaultOne) {
  manual_seed(5);
  const u64 first = default_generator().next();
  manual_seed(5);
  EXPECT_EQ(default_generator().next(), first);
}

}  // namespace
}  // namespace weft
