// SPDX-License-Identifier: Apache-2.0
#include "weft/core/duration.h"

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
  for (const char* text :
       {"", "3", "ep", "3 ep", "3epochs", "-1ep", "1.5ba", "nanep", "infba", "1e300ba"}) {
    try {
      Duration duration(text);
      ADD_FAILURE() << "'" << text << "' was parsed as " << duration.to_string();
    } catch (const UserError& error) {
      EXPECT_EQ(
          std::string(error.what()),
          "duration: '" + std::string(text) +
              "' given; a number with a unit is required, like 3ep (epochs) or 200ba (batches)");
    }
  }
}

}  // namespace
}  // namespace weft
