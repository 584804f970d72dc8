// SPDX-License-Identifier: Apache-2.0
#include "weft/core/duration.h"

#include <limits>

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft {
namespace {

TEST(Duration, CountsStepsInBothUnits) {
  EXPECT_EQ(Duration("3ep").steps(20), 60);
  EXPECT_EQ(Duration("200ba").steps(20), 200);
  EXPECT_EQ(Duration("0.5ep").steps(5), 3);
  EXPECT_EQ(Duration("0").steps(20), 0);
  EXPECT_TRUE(Duration().is_zero());
}

TEST(Duration, IsMadeOfAnyKindOfString) {
  struct Options {
    Duration warmup;
  };
  const std::string text = "3ep";
  EXPECT_EQ((Options{.warmup = text}).warmup, Duration("3ep"));
  EXPECT_EQ((Options{.warmup = std::string_view(text)}).warmup, Duration("3ep"));
}

TEST(Duration, ReadsBackWhatItPrints) {
  for (const char* text : {"3ep", "200ba", "0.25ep", "0ba"})
    EXPECT_EQ(Duration(text).to_string(), text);
}

TEST(Duration, RefusesWhatIsNoDuration) {
  const auto refusal_of = [](std::string_view text) -> std::string {
    try {
      return "taken as " + Duration(text).to_string();
    } catch (const UserError& error) {
      return error.what();
    }
  };
  for (const char* text : {"", "3", "ep", "3 ep", "3epochs", "nanep", "infba", "epba"})
    EXPECT_EQ(
        refusal_of(text),
        "duration: '" + std::string(text) +
            "' given; a number with a unit is required, like 3ep (epochs) or 200ba (batches)");
  EXPECT_EQ(refusal_of("-1ep"), "duration: '-1ep' given; a duration of at least 0 is required");
  EXPECT_EQ(refusal_of("1.5ba"), "duration: '1.5ba' given; a whole number of batches is required");
  for (const char* text : {"1e30ep", "1e300ba", "1e999ep", "1000000001ep", "1000000000000001ba"})
    EXPECT_EQ(refusal_of(text), "duration: '" + std::string(text) +
                                    "' given; at most 1000000000ep or 1000000000000000ba is "
                                    "allowed");
  EXPECT_LT(refusal_of(std::string(100000, 'x')).size(), 300U);
}

TEST(Duration, StepsDoNotOverflow) {
  EXPECT_EQ(Duration("1e9ep").steps(1'000'000'000), 1'000'000'000'000'000'000);
  EXPECT_EQ(Duration("1e9ep").steps(std::numeric_limits<i64>::max()), i64{1} << 62);
  EXPECT_EQ(Duration("1e15ba").steps(1), 1'000'000'000'000'000);
}

}  // namespace
}  // namespace weft
