// SPDX-License-Identifier: Apache-2.0
#include "weft/core/lines.h"

#include <gtest/gtest.h>

namespace weft {
namespace {

using Pair = std::pair<std::string, std::string>;

TEST(Lines, TheFirstThatDiffer) {
  EXPECT_EQ(first_difference("a\n  b: 1\nc\n", "a\n  b: 2\nd\n"), Pair("b: 1", "b: 2"));
  EXPECT_EQ(first_difference("a\n", "a\nb\n"), Pair("", "b"));
  EXPECT_EQ(first_difference("a\nb", "a"), Pair("b", ""));
  EXPECT_EQ(first_difference("a\n\nb\n", "a\n\nc\n"), Pair("b", "c"));
  EXPECT_EQ(first_difference("a\n", "a\n"), Pair("", ""));
}

}  // namespace
}  // namespace weft
