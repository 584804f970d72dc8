// SPDX-License-Identifier: Apache-2.0
#include "weft/core/checked.h"

#include <string>

#include <gtest/gtest.h>

namespace weft {
namespace {

constexpr i64 kMost = std::numeric_limits<i64>::max(), kLeast = std::numeric_limits<i64>::min();

template <class F>
std::string checked_message(F compute) {
  try {
    compute();
  } catch (const UserError& error) {
    return error.what();
  }
  return "none";
}

TEST(Checked, ProductsAndSumsAreExactOrNone) {
  EXPECT_EQ(product_if_fits(3, -4), -12);
  EXPECT_EQ(product_if_fits(kMost, 1), kMost);
  EXPECT_EQ(product_if_fits(i64{1} << 32, i64{1} << 31), std::nullopt);
  EXPECT_EQ(product_if_fits(kLeast, -1), std::nullopt);
  EXPECT_EQ(sum_if_fits(kMost, 0), kMost);
  EXPECT_EQ(sum_if_fits(kMost, 1), std::nullopt);
  EXPECT_EQ(product_if_fits({}), 1);
  EXPECT_EQ(product_if_fits({2, 3, 5}), 30);
  EXPECT_EQ(product_if_fits({kMost, 2, 0}), std::nullopt);
}

TEST(Checked, AnOverflowIsASentence) {
  EXPECT_EQ(checked_product("a × b", 6, 7), 42);
  EXPECT_EQ(checked_sum("a + b", 6, 7), 13);
  EXPECT_EQ(
      checked_message([] { checked_product("train: epochs × steps", kMost, 2); }),
      "train: epochs × steps: 9223372036854775807 × 2 given; a product below 2^63 is required");
  EXPECT_EQ(checked_message([] { checked_sum("step", kMost, 1); }),
            "step: 9223372036854775807 + 1 given; a sum below 2^63 is required");
}

TEST(Checked, LimitsSaturateOnTheirOwnSide) {
  EXPECT_EQ(saturating_product(3, 5), 15);
  EXPECT_EQ(saturating_product(kMost, 2), kMost);
  EXPECT_EQ(saturating_product(-2, kLeast), kMost);
  EXPECT_EQ(saturating_product(kMost, -2), kLeast);
  EXPECT_EQ(saturating_sum(kMost, 1), kMost);
  EXPECT_EQ(saturating_sum(kLeast, -1), kLeast);
  EXPECT_EQ(saturating_sum(2, -5), -3);
}

TEST(Checked, ANarrowerTypeHoldsTheValueOrRefusesIt) {
  EXPECT_EQ(checked_narrow<int>("n", 2147483647), 2147483647);
  EXPECT_EQ(checked_narrow<u8>("n", 255), 255);
  EXPECT_EQ(checked_message([] { checked_narrow<int>("run.threads", 4294967297); }),
            "run.threads: 4294967297 given; an integer from -2147483648 to 2147483647 is required");
  EXPECT_EQ(checked_message([] { checked_narrow<u8>("n", -1); }),
            "n: -1 given; an integer from 0 to 255 is required");
}

}  // namespace
}  // namespace weft
