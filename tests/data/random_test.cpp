// SPDX-License-Identifier: Apache-2.0
#include "weft/data/random.h"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

namespace weft::data {
namespace {

TEST(Random, IsSplitMix64) {
  Random random{1234567};  // the first outputs of the authors' code for this seed
  EXPECT_EQ(random.bits(), 6457827717110365317u);
  EXPECT_EQ(random.bits(), 3203168211198807973u);
  EXPECT_EQ(random.bits(), 9817491932198370423u);
}

TEST(Random, KeysDependOnEveryNumberAndTheirOrder) {
  EXPECT_NE(key_of(1, 2), key_of(2, 1));
  EXPECT_NE(key_of(1, 2), key_of(1, 3));
  EXPECT_NE(key_of(1, 2), key_of(1, 2, 0));
  EXPECT_NE(number_of("train"), number_of("test"));
}

TEST(Random, DrawsInRange) {
  Random random{7};
  double sum = 0, squares = 0;
  std::array<int, 10> counts{};
  constexpr int kDraws = 100000;
  for (int i = 0; i < kDraws; ++i) {
    const double u = random.uniform(), t = random.triangular();
    EXPECT_TRUE(u >= 0 && u < 1);
    EXPECT_TRUE(t >= -1 && t < 1);
    sum += u;
    squares += t * t;
    const i64 below = random.below(10);
    ASSERT_TRUE(below >= 0 && below < 10);
    ++counts[static_cast<std::size_t>(below)];
  }
  EXPECT_NEAR(sum / kDraws, 0.5, 0.005);
  EXPECT_NEAR(squares / kDraws, 1.0 / 6, 0.005);
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 10.0, 500);
  EXPECT_EQ(random.below(1), 0);
}

}  // namespace
}  // namespace weft::data
