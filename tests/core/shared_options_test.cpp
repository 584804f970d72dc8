// SPDX-License-Identifier: Apache-2.0
// A recipe from options that several entries share: each takes its own keys.
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/registry.h"
#include "weft/tests/support/message_of.h"

namespace weft {
namespace {

enum class Shade { light, dark };
constexpr EnumNames<2> names_of(Shade) { return {"light", "dark"}; }
enum class Wood { oak, dark };
constexpr EnumNames<2> names_of(Wood) { return {"oak", "dark"}; }

struct Plank {
  static constexpr const char* kKind = "plank";
  virtual ~Plank() = default;
};
struct Size {
  double length = 1;
};
void describe(Fields& f, Size& o) { f("length", o.length, "in metres", positive); }
struct OakOptions {
  double width = 0.5;
  std::optional<i64> knots = 3;
  std::vector<std::string> stamps = {"a"};
  Shade shade = Shade::light;
  Size size = {};
};
void describe(Fields& f, OakOptions& o) {
  f("width", o.width, "", in_range(0, 1))("knots", o.knots, "")("stamps", o.stamps, "");
  f("shade", o.shade, "")("size", o.size, "");
}
struct Oak : Plank {
  explicit Oak(const OakOptions& o) : options(o) {}
  OakOptions options;
};
struct Board : Plank {};
const bool has_oak = Registry<Plank>::add<Oak, OakOptions>("oak");
const bool has_board = Registry<Plank>::add<Board>("board");

template <class Width>
struct Shared {
  Width width = {};
  i64 knots = 5;
  std::vector<std::string> stamps = {"b", "c"};
  Wood shade = Wood::dark;
  Size size = {2.5};
  std::string for_others = "unused";
};
template <class Width>
void describe(Fields& f, Shared<Width>& o) {
  f("for_others", o.for_others, "")("width", o.width, "")("knots", o.knots, "");
  f("stamps", o.stamps, "")("shade", o.shade, "")("size", o.size, "");
}

using test_support::message_of;

TEST(SharedOptions, AnEntryTakesItsOwnKeys) {
  const auto oak = Recipe<Plank>::of_shared("oak", Shared<double>{.width = 0.25});
  const auto* options = oak.options_if<OakOptions>();
  ASSERT_NE(options, nullptr);
  EXPECT_EQ(options->width, 0.25);
  EXPECT_EQ(options->knots, 5);
  EXPECT_EQ(options->stamps, (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(options->shade, Shade::dark);
  EXPECT_EQ(options->size.length, 2.5);
  EXPECT_EQ(Recipe<Plank>::of_shared("board", Shared<double>{}).name(), "board");
  EXPECT_EQ(Recipe<Plank>::of_shared("oak", Size{7}).options_if<OakOptions>()->width, 0.5);
}

TEST(SharedOptions, AnIntegerIsANumber) {
  const auto oak = Recipe<Plank>::of_shared("oak", Shared<i64>{.width = 1});
  EXPECT_EQ(oak.options_if<OakOptions>()->width, 1.0);
}

TEST(SharedOptions, AnotherEntryOrListLeavesNothingBehind) {
  const auto none =
      Recipe<Plank>::of_shared("oak", OakOptions{.knots = std::nullopt, .stamps = {}});
  EXPECT_EQ(none.options_if<OakOptions>()->knots, std::nullopt);
  EXPECT_TRUE(none.options_if<OakOptions>()->stamps.empty());
}

TEST(SharedOptions, WhatDoesNotFitIsRefused) {
  EXPECT_EQ(message_of([] { Recipe<Plank>::of_shared("oak", Shared<std::string>{.width = "x"}); }),
            "oak: width: x is shared; a number from 0 to 1 is required");
  EXPECT_EQ(message_of([] { Recipe<Plank>::of_shared("oak", Shared<double>{.width = 2}); }),
            "oak: width: expected a number from 0 to 1, got 2");
  EXPECT_EQ(message_of([] {
              Recipe<Plank>::of_shared("oak", Shared<double>{.width = 1, .shade = Wood::oak});
            }),
            "oak: shade: oak is shared; one of light, dark is required");
  EXPECT_NE(message_of([] { Recipe<Plank>::of_shared("okk", Size{}); }).find("'oak'"),
            std::string::npos);
}

}  // namespace
}  // namespace weft
