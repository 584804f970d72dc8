// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/tensor/state.h"
#include "weft/testing/testing.h"

namespace weft {
namespace {

struct Inner {
  i64 count = 0;
  std::optional<double> best = {};
  void state(State& s) { s("count", count)("best", best); }
  bool operator==(const Inner&) const = default;
};

struct Everything {
  bool on = false;
  int small = 0;
  i64 number = 0;
  u64 seed = 0;
  double real = 0;
  std::string text = {};
  std::vector<double> history = {};
  std::vector<Inner> inners = {};
  std::map<std::string, Inner> by_name = {};
  std::map<std::string, double> metrics = {};
  Inner inner = {};
  Tensor weights = {};
  void state(State& s) {
    s("on", on)("small", small)("number", number)("seed", seed)("real", real)("text", text);
    s("history", history)("inners", inners)("by_name", by_name)("metrics", metrics);
    s("inner", inner)("weights", weights);
  }
};

Everything filled() {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  Everything e{.on = true,
               .small = -7,
               .number = std::numeric_limits<i64>::min(),
               .seed = std::numeric_limits<u64>::max(),
               .real = 0.1 + 0.2,
               .text = "a \"text\"\nof two lines",
               .history = {1e-320, -0.0, kInfinity, -kInfinity, 5.0, std::nan("")},
               .inners = {{1, 2.5}, {2, {}}},
               .by_name = {{"fc1.weight", {3, 0.0}}},
               .metrics = {{"validation/loss", 1.0 / 3}},
               .inner = {4, kInfinity}};
  e.weights = Tensor::copy_of<float>(std::vector<float>{1, 2, 3, 4, 5, 6}, {2, 3});
  return e;
}

TEST(State, ComesBackBitForBit) {
  Everything saved = filled(), loaded;
  load_state(loaded, save_state(saved), "test");
  EXPECT_EQ(loaded.on, saved.on);
  EXPECT_EQ(loaded.small, saved.small);
  EXPECT_EQ(loaded.number, saved.number);
  EXPECT_EQ(loaded.seed, saved.seed);
  EXPECT_EQ(loaded.real, saved.real);
  EXPECT_EQ(loaded.text, saved.text);
  ASSERT_EQ(loaded.history.size(), saved.history.size());
  for (std::size_t i = 0; i + 1 < saved.history.size(); ++i) {
    EXPECT_EQ(loaded.history[i], saved.history[i]);
    EXPECT_EQ(std::signbit(loaded.history[i]), std::signbit(saved.history[i]));
  }
  EXPECT_TRUE(std::isnan(loaded.history.back()));
  EXPECT_EQ(loaded.inners, saved.inners);
  EXPECT_EQ(loaded.by_name, saved.by_name);
  EXPECT_EQ(loaded.metrics, saved.metrics);
  EXPECT_EQ(loaded.inner, saved.inner);
  EXPECT_EQ(testing::difference_in_bytes(loaded.weights, saved.weights), "");
  EXPECT_FALSE(loaded.weights.shares_storage_with(saved.weights));
  EXPECT_EQ(save_state(loaded).json, save_state(saved).json);
}

TEST(State, WhatIsThereIsReplaced) {
  Everything saved, loaded = filled();
  saved.weights = Tensor::zeros({2, 3});
  const Tensor place = loaded.weights;
  load_state(loaded, save_state(saved), "test");
  EXPECT_TRUE(loaded.history.empty() && loaded.inners.empty() && loaded.by_name.empty());
  EXPECT_FALSE(loaded.inner.best.has_value());
  EXPECT_TRUE(loaded.weights.shares_storage_with(place));
  EXPECT_EQ(place.to_vector<float>(), std::vector<float>(6, 0.0f));
}

std::string refusal(Everything into, const StateRecord& record) {
  const std::string before = save_state(into).json;
  try {
    load_state(into, record, "strategy 'x'");
  } catch (const UserError& error) {
    EXPECT_EQ(save_state(into).json, before) << "written although refused";
    return error.what();
  }
  return "accepted";
}

std::string replaced(std::string json, const std::string& from, const std::string& to) {
  const std::size_t at = json.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return json.replace(at, from.size(), to);
}

TEST(State, RefusesWhatDoesNotFitInOneSentence) {
  Everything saved = filled();
  const StateRecord good = save_state(saved);
  const auto with = [&](const std::string& from, const std::string& to) {
    return refusal({}, {replaced(good.json, from, to), good.tensors});
  };
  const auto has = [](const std::string& message, const char* part) {
    EXPECT_NE(message.find(part), std::string::npos) << message;
  };
  has(with("\"small\":-7,", ""), "strategy 'x': the saved state does not fit (small is missing)");
  has(with("\"small\"", "\"smal\""), "smal is unknown; did you mean 'small'?");
  has(with("\"small\":-7", "\"small\":1.5"), "small is 1.5 and an integer of 32 bits is required");
  has(with("\"small\":-7", "\"small\":4294967296"),
      "small is 4294967296 and an integer of 32 bits is required");
  has(with("\"on\":true", "\"on\":1"), "on is 1 and true or false is required");
  has(with("\"seed\":18446744073709551615", "\"seed\":-1"), "an integer from 0 is required");
  has(with("\"number\":-9223372036854775808", "\"number\":18446744073709551615"), "an integer");
  has(with("\"text\":\"a", "\"text\":3,\"texx\":\"a"), "text is 3 and a text is required; texx is");
  has(with("{\"count\":2,\"best\":null}", "{\"count\":\"2\",\"best\":null}"),
      "inners.1.count is \"2\" and an integer is required");
  has(with("\"inner\":{\"count\":4,", "\"inner\":{"), "inner.count is missing");
  has(with("\"history\":[", "\"history\":[[],"), "history.0 is [] and a number is required");
  has(refusal({}, {good.json, {}}), "its tensor is missing");
  Everything other;
  other.weights = Tensor::zeros({3, 2});
  has(refusal(other, good), "weights is \"tensor f32 (2, 3)\" and tensor f32 (3, 2) is required");
  has(refusal({}, {"[1", {}}), "its saved state is no JSON at byte 3");
  has(refusal({}, {"[1]", {}}), "its saved state is no JSON object");
  const std::string deep(100000, '[');
  has(refusal({}, {"{\"a\":" + deep, {}}), "its saved state nests 65 levels; at most 64");
}

struct Ranged {
  int small = 1;
  i64 count = 2;
  double share = 0.5;
  std::map<std::string, i64> steps = {{"a", 3}};
  std::optional<double> best = 4;
  std::map<std::string, Tensor> tensors = {};
  i64 free = -1;
  bool refuses = false;
  void state(State& s) {
    s.within("small", small, 0, 9).within("count", count, 0, kMostSaved);
    s.within("share", share, 0, 1).within("steps", steps, 0, kMostSaved);
    s.within("best", best, 0, 9)("tensors", tensors)("free", free);
    WEFT_CHECK(!s.loading() || !refuses, "free is {}; another is required", free);
  }
};

TEST(State, ValuesOutOfTheirRangeAreRefused) {
  Ranged saved;
  saved.tensors["x"] = Tensor::zeros({2});
  const StateRecord good = save_state(saved);
  const auto said = [&](const std::string& from, const std::string& to) {
    Ranged into;
    const StateRecord record{replaced(good.json, from, to), good.tensors};
    try {
      load_state(into, record, "a.json");
    } catch (const UserError& error) {
      EXPECT_EQ(into.count, 2) << "written although refused";
      const std::string before = "a.json: the saved state does not fit (";
      const std::string text = error.what();
      EXPECT_TRUE(text.starts_with(before)) << text;
      return text.substr(before.size(), text.find(')') - before.size());
    }
    return std::string("accepted");
  };
  EXPECT_EQ(said("\"small\":1", "\"small\":10"),
            "small is 10 and an integer from 0 to 9 is required");
  for (const char* bad : {"-1", "9223372036854775807", "18446744073709551615", "1.5", "1e300",
                          "null", "\"x\"", "true", "[2]"}) {
    EXPECT_EQ(said("\"count\":2", std::string("\"count\":") + bad),
              (std::string(bad) == "1e300" ? "count is 1e+300" : "count is " + std::string(bad)) +
                  " and an integer from 0 to 1099511627776 is required");
    EXPECT_NE(said("\"a\":3", std::string("\"a\":") + bad).find("steps.a is "), std::string::npos);
  }
  for (const char* bad : {"-0.5", "1.5", "1e300", "-1e300", "null", "\"x\"", "\"nan\"", "\"inf\""})
    EXPECT_NE(said("\"share\":0.5", std::string("\"share\":") + bad)
                  .find(" and a number from 0 to 1 is required"),
              std::string::npos)
        << bad;
  EXPECT_EQ(said("\"best\":4.0", "\"best\":-4"), "best is -4 and a number from 0 to 9 is required");
  EXPECT_EQ(said("\"tensor f32 (2)\"", "null"), "tensors.x is null and a tensor is required");
  EXPECT_EQ(said("\"free\":-1", "\"free\":-99"), "accepted");
  EXPECT_EQ(said("\"best\":4.0", "\"best\":null"), "accepted");
  Ranged refusing{.refuses = true};
  try {
    load_state(refusing, good, "a.json");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "a.json: free is -1; another is required");
  }
}

// A value that older records do not have keeps what it was.
struct Grown {
  i64 count = 1, added = 7;
  void state(State& s) {
    s("count", count);
    if (s.has("added")) s("added", added);
  }
};

TEST(State, MayHaveAValueThatOlderRecordsLack) {
  Grown saved{.count = 3, .added = 4}, loaded, old;
  const StateRecord record = save_state(saved);
  EXPECT_EQ(record.json, "{\"count\":3,\"added\":4}");
  load_state(loaded, record, "grown");
  EXPECT_EQ(loaded.added, 4);
  load_state(old, {"{\"count\":5}", {}}, "grown");
  EXPECT_EQ(old.count, 5);
  EXPECT_EQ(old.added, 7);
}

struct Seeded {
  u64 seed = 1;
  i64 size = 10, place = 0;
  bool loaded = false;
  void state(State& s) {
    s.same("seed", seed).same("size", size)("place", place);
    if (s.loading()) loaded = true;
  }
};

TEST(State, MustBeTheSame) {
  Seeded saved{.place = 5}, same, other{.seed = 2, .size = 11};
  const StateRecord record = save_state(saved);
  load_state(same, record, "loader");
  EXPECT_EQ(same.place, 5);
  EXPECT_TRUE(same.loaded);
  try {
    load_state(other, record, "loader");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("seed was 1 and is different now"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("size was 10 and is different now"),
              std::string::npos);
  }
  EXPECT_EQ(other.place, 0);
  EXPECT_FALSE(other.loaded);
}

}  // namespace
}  // namespace weft
