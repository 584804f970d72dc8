// SPDX-License-Identifier: Apache-2.0
#include "weft/core/fields.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"

namespace weft {
namespace {

enum class Side { left, right, neither };
constexpr EnumNames<3> names_of(Side) { return {"left", "right", "none"}; }

struct Group {
  std::vector<std::string> match = {};
  std::optional<double> lr_factor = {};
};
void describe(Fields& f, Group& o) {
  f("match", o.match, "globs of names", required());
  f("lr_factor", o.lr_factor, "factor", positive);
}

struct Options {
  bool nesterov = false;
  int workers = 4;
  i64 seed = 1;
  double lr = 1e-3;
  std::string mode = "min";
  Side side = Side::right;
  std::optional<Side> other_side = {};
  std::vector<Side> sides = {Side::left, Side::neither};
  Duration warmup = "1ep";
  std::vector<double> betas = {0.9, 0.999};
  std::optional<i64> limit = {};
  std::vector<Group> groups = {};
  Group first = {};
};
void describe(Fields& f, Options& o) {
  f("nesterov", o.nesterov, "");
  f("workers", o.workers, "", non_negative);
  f("seed", o.seed, "");
  f("lr", o.lr, "", positive);
  f("mode", o.mode, "", one_of({"min", "max"}));
  f("side", o.side, "");
  f("other_side", o.other_side, "");
  f("sides", o.sides, "");
  f("warmup", o.warmup, "");
  f("betas", o.betas, "", from_to_below(0, 1));
  f("limit", o.limit, "", at_least(1));
  f("groups", o.groups, "");
  f("first", o.first, "");
  f.rule(o.seed != 13, "seed", "another seed than 13");
}

TEST(Fields, EveryKindOfValueSaysWhatIsExpectedAndPrintsOnOneLine) {
  Options options;
  options.groups.push_back({.match = {"*.bias", "it's"}, .lr_factor = 0.5});
  const std::vector<std::array<std::string, 3>> expected{
      {"nesterov", "true or false", "false"},
      {"workers", "an integer of at least 0", "4"},
      {"seed", "an integer", "1"},
      {"lr", "a number above 0", "0.001"},
      {"mode", "one of min, max", "min"},
      {"side", "one of left, right, none", "right"},
      {"other_side", "one of left, right, none or null", "null"},
      {"sides", "a list of left, right, none", R"([left, "none"])"},
      {"warmup", "a duration such as 3ep or 200ba", "1ep"},
      {"betas", "a list of numbers from 0 to below 1", "[0.9, 0.999]"},
      {"limit", "an integer of at least 1 or null", "null"},
      {"groups", "a list of sections", R"([{match: ["*.bias", "it's"], lr_factor: 0.5}])"},
      {"first", "a section", "{match: [], lr_factor: null}"}};
  const auto rows = field_rows(section_ref(options));
  ASSERT_EQ(rows.size(), expected.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows[i].key, expected[i][0]);
    EXPECT_EQ(rows[i].expected, expected[i][1]);
    EXPECT_EQ(rows[i].value, expected[i][2]);
  }
}

std::string refusal(Options options) {
  try {
    validate("options", section_ref(options));
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Fields, ValidateReportsEveryRefusedValue) {
  EXPECT_EQ(refusal({}), "accepted");
  EXPECT_EQ(refusal({.workers = -1, .lr = 0, .mode = "mix"}),
            "options: workers: expected an integer of at least 0, got -1; "
            "lr: expected a number above 0, got 0; mode: expected one of min, max, got mix");
  EXPECT_EQ(refusal({.side = static_cast<Side>(3), .sides = {Side::left, static_cast<Side>(-1)}}),
            "options: side: expected one of left, right, none, got ?; "
            "sides[1]: expected one of left, right, none, got ?");
  EXPECT_EQ(refusal({.betas = {0.9, 1}}),
            "options: betas[1]: expected a number from 0 to below 1, got 1");
  EXPECT_EQ(refusal({.limit = 0}), "options: limit: expected an integer of at least 1, got 0");
  EXPECT_EQ(refusal({.groups = {{}, {.lr_factor = -1}}}),
            "options: groups[1].lr_factor: expected a number above 0, got -1");
  EXPECT_EQ(refusal({.seed = 13}), "options: seed: expected another seed than 13");
  EXPECT_EQ(refusal({.lr = std::numeric_limits<double>::quiet_NaN()}),
            "options: lr: expected a number above 0, got nan");
  EXPECT_EQ(refusal({.lr = 1e-50}),
            "options: lr: expected a number above 0, got 1e-50; at least 1.1754944e-38, the least "
            "of f32, is required");
  EXPECT_EQ(refusal({.lr = 1e39}),
            "options: lr: expected a number above 0, got 1e+39; at most 3.402823e+38, the largest "
            "of f32, is allowed");
}

TEST(Fields, AnEnumerationIsCalledByItsNames) {
  EXPECT_EQ(enum_name(Side::left), "left");
  EXPECT_EQ(enum_name(Side::neither), "none");
  EXPECT_EQ(enum_name(static_cast<Side>(3)), "?");
}

TEST(Check, BoundsIncludeOrExcludeTheirEnds) {
  EXPECT_FALSE(positive.accepts(0.0));
  EXPECT_TRUE(positive.accepts(kLeastF32));
  EXPECT_FALSE(positive.accepts(1e-38));  // 0 in f32, or with lost digits
  EXPECT_FALSE(positive.accepts(1e39));   // infinite in f32
  EXPECT_TRUE(positive.accepts(i64{1}));
  EXPECT_FALSE(positive.accepts(i64{0}));
  EXPECT_FALSE(positive.accepts(kMostCount + 1));  // of an integer, a count
  EXPECT_TRUE(non_negative.accepts(0.0));
  EXPECT_TRUE(in_range(0, 1).accepts(1.0));
  EXPECT_FALSE(in_range(0, 1).accepts(1.0001));
  EXPECT_FALSE(from_to_below(0, 1).accepts(1.0));
  EXPECT_TRUE(from_to_below(0, 1).accepts(0.0));
  EXPECT_TRUE(Check{}.accepts(-1e300));
  EXPECT_TRUE(required(positive).required);
  EXPECT_FALSE(required(positive).accepts(-1.0));
}

TEST(Fields, TextsAreQuotedWhereYamlWouldReadSomethingElse) {
  for (const char* plain : {"adamw", "data/mnist", "layer4.0", "/a/b", "_x", "a-b"})
    EXPECT_EQ(quoted_where_needed(plain), plain);
  for (const char* other : {"", "true", "No", "5", "1ep", "*", "a b", "a: b", "#", "-", "~", "a,b"})
    EXPECT_EQ(quoted_where_needed(other), '"' + std::string(other) + '"');
  EXPECT_EQ(quoted_where_needed("a\"b\\c\n\t\x01"), R"("a\"b\\c\n\t\x01")");
}

}  // namespace
}  // namespace weft
