// SPDX-License-Identifier: Apache-2.0
#include "weft/core/nearest.h"

#include <vector>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Nearest, DistanceCountsInsertDeleteReplaceAndSwap) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("epochs", ""), 6);
  EXPECT_EQ(edit_distance("", "epochs"), 6);
  EXPECT_EQ(edit_distance("epochs", "epochs"), 0);
  EXPECT_EQ(edit_distance("epochs", "epoch"), 1);
  EXPECT_EQ(edit_distance("epochs", "eepochs"), 1);
  EXPECT_EQ(edit_distance("epochs", "epocks"), 1);
  EXPECT_EQ(edit_distance("epochs", "epcohs"), 1);
  EXPECT_EQ(edit_distance("ca", "abc"),
            3);  // optimal string alignment has no edit within a swapped pair
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
}

TEST(Nearest, SuggestsWhatIsNearAndNothingElse) {
  const std::vector<std::string> keys{"lr", "momentum", "weight_decay", "nesterov"};
  EXPECT_EQ(nearest("momentun", keys), "momentum");
  EXPECT_EQ(nearest("wieght_deacy", keys), "weight_decay");
  EXPECT_EQ(nearest("LR", keys), "lr");
  EXPECT_EQ(nearest("l", keys), "lr");
  EXPECT_EQ(nearest("Momentum", keys), "momentum");
  EXPECT_EQ(nearest("learning_rate", keys), "");
  EXPECT_EQ(nearest("x", {}), "");
  EXPECT_EQ(did_you_mean("momentu", keys), "; did you mean 'momentum'?");
  EXPECT_EQ(did_you_mean("zzz", keys), "");
  const std::string longest(kLongestName, 'x');
  EXPECT_EQ(nearest(longest, std::vector<std::string>{longest.substr(1)}), longest.substr(1));
  EXPECT_EQ(nearest(longest + "x", std::vector<std::string>{longest}), "");
  EXPECT_EQ(nearest(longest, std::vector<std::string>{longest + "x"}), "");
}

TEST(Nearest, OfEquallyNearOnesTheLongestCommonBeginningWins) {
  const std::vector<std::string> keys{"node", "mods", "mode"};
  EXPECT_EQ(nearest("modx", keys), "mods");
  EXPECT_EQ(nearest("nodx", keys), "node");
}

TEST(Nearest, ListsNames) {
  EXPECT_EQ(listed(std::vector<std::string>{"a", "b"}), "a, b");
  EXPECT_EQ(listed({}), "none");
}

}  // namespace
}  // namespace weft
