// SPDX-License-Identifier: Apache-2.0
// Any text of up to 1 MiB is read or refused in a second and with 64 MiB at most.
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"

namespace weft::config {
namespace {

using sample::refusal;

constexpr std::size_t kMiB = 1 << 20;

// Repeats a pattern, in which # stands for the number of the repetition, up to 1 MiB.
std::string repeated(const std::string& begin, const std::string& pattern, const std::string& end,
                     std::size_t bytes = kMiB) {
  std::string text = begin;
  const std::size_t mark = pattern.find('#');
  for (int i = 0; text.size() + pattern.size() + end.size() + 8 < bytes; ++i) {
    text += pattern.substr(0, mark);
    if (mark != pattern.npos) text += std::to_string(i) + pattern.substr(mark + 1);
  }
  return text + end;
}

i64 peak_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss * 1024;
}

#ifdef __SANITIZE_ADDRESS__  // is slower, and keeps freed memory for a time, with borders around it
constexpr i64 kMostBytes = i64{128} << 20;
constexpr double kMostSeconds = 2;
#else
constexpr i64 kMostBytes = i64{64} << 20;
constexpr double kMostSeconds = 1;
#endif

// Returns the message, after checking that it took a second of processor time and 64 MiB at most.
std::string cheap_refusal(const std::string& yaml, const std::vector<std::string>& overrides = {}) {
  const i64 before = peak_bytes();
  const std::clock_t start = std::clock();
  std::string message = refusal(yaml, overrides);
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, kMostSeconds);
  EXPECT_LT(peak_bytes() - before, kMostBytes);
  EXPECT_LT(message.size(), 200'000U);
  return message;
}

void expect_in(const std::string& message, const std::string& part) {
  EXPECT_NE(message.find(part), std::string::npos) << message.substr(0, 500);
}

TEST(ConfigLimits, AliasesTakeNoMoreTextThanAFileHas) {
  const std::string text(500000, 'x');
  expect_in(cheap_refusal("a: &a \"" + text + "\"\nb: [" + repeated("", "*a,", "]", 9000)),
            "expected at most 1048576 bytes of text");
  expect_in(cheap_refusal("a: &a \"" + text + "\"\nb: [" + repeated("", "*a,", "]", 500000)),
            "expected at most 1048576 bytes of text");
  // Keys count too, and so do the copies that anchors around each other keep.
  expect_in(cheap_refusal("a: &a {? " + text + "\n : 1}\nb: [*a, *a, *a]"),
            "expected at most 1048576 bytes of text");
  std::string nested = "a: ";
  for (int i = 0; i < 60; ++i) nested += "&a" + std::to_string(i) + " [";
  nested += repeated("", "1,", "", 60000) + std::string(60, ']');
  expect_in(cheap_refusal(nested), "expected at most 50000 values in all");
}

// yaml-cpp keeps all tokens of a flow collection until its end (core/config/metered_text.h).
TEST(ConfigLimits, SlowFlowCollectionsAreBoundedBeforeTheyAreParsed) {
  for (const char* begin : {"", "a: ", "- "})
    for (const char* nested : {"[", "{", "[ \n", "[[],", "{a: ", "['x',{"})
      expect_in(cheap_refusal(repeated(begin, nested, "")), "expected at most 64 levels");
  for (const char* item :
       {"1,", "a: 1,", "{a: 1},", "\"\",", "*a,", "[],", "? ", "&a ", "!a ", "'',"})
    cheap_refusal(repeated("a: [", item, ""));
  expect_in(cheap_refusal(repeated("a: [", "1,", "]")), "expected at most 50000 values in all");
  // Where a text looks as if it were a collection, it is a text.
  EXPECT_EQ(cheap_refusal("resume: \"" + repeated("", "[],", "\"", 300'000)), "accepted");
  EXPECT_EQ(cheap_refusal("resume: x" + repeated("", "[", "", 40'000)), "accepted");
  EXPECT_EQ(cheap_refusal(repeated("# ", "[] ", "\nseed: 1", 300'000)), "accepted");
  EXPECT_EQ(cheap_refusal(repeated("hidden: [", "1, ", "1]", 40'000)), "accepted");
}

TEST(ConfigLimits, ManyKeysAreRefusedAtOnce) {
  expect_in(cheap_refusal(repeated("", "k#: 1\n", "")), "expected at most 1000 keys in a section");
  expect_in(cheap_refusal(repeated("{", "k#: 1,", "}")), "expected at most 1000 keys in a section");
  expect_in(cheap_refusal(repeated("train: {", "k#,", "}")), "expected at most 1000 keys");
  expect_in(cheap_refusal(repeated("", "seed: #\n", "")), "only the first 100 are shown");
}

TEST(ConfigLimits, ManyMistakesAreShownUpToAHundred) {
  std::string unknown;
  for (int i = 0; i < 900; ++i) unknown += "optimizr" + std::to_string(i) + ": 1\n";
  const std::string message = cheap_refusal(unknown);
  EXPECT_EQ(std::count(message.begin(), message.end(), '\n'), 100);
  expect_in(message, "config: expected fewer mistakes; only the first 100 are shown");
  expect_in(cheap_refusal(repeated("hidden: [", "x#,", "]", 200000)), "only the first 100");
  expect_in(cheap_refusal(repeated("optimizer: {param_groups: [", "{},", "]}", 100000)),
            "only the first 100");
  expect_in(cheap_refusal(repeated("callbacks: [", "{a: 1, b: 2},", "]", 100000)),
            "only the first 100");
  expect_in(cheap_refusal(repeated("optimizer: {param_groups: [", "{match: [x]},", "]}", 150000)),
            "accepted");
}

TEST(ConfigLimits, LongNamesAndValuesAreCutAndHaveNoSuggestion) {
  const std::string name(kMiB - 100, 'm');
  EXPECT_LT(cheap_refusal(name + ": 1").size(), 1000U);
  EXPECT_LT(cheap_refusal("optimizer: " + name).size(), 1000U);
  EXPECT_LT(cheap_refusal("optimizer: {" + name + ": 1}").size(), 1000U);
  EXPECT_LT(cheap_refusal("seed: " + name).size(), 1000U);
  EXPECT_LT(cheap_refusal("hidden: " + name).size(), 1000U);
  EXPECT_LT(cheap_refusal("seed: !" + name + " 1").size(), 1000U);
  EXPECT_LT(cheap_refusal("resume: ${" + name).size(), 1000U);
  EXPECT_LT(cheap_refusal("resume: ${env:" + name + "}").size(), 1000U);
  EXPECT_LT(cheap_refusal("seed: " + std::string(kMiB - 100, '0')).size(), 1000U);
  EXPECT_LT(cheap_refusal("seed: " + repeated("1", "_0", "")).size(), 1000U);
  EXPECT_LT(cheap_refusal("checkpoint: {every: " + std::string(kMiB - 100, '1') + "ep}").size(),
            1000U);
}

TEST(ConfigLimits, VariablesInsertNoMoreThanAFileHas) {
  setenv("WEFT_TEST_LONG", std::string(100000, 'x').c_str(), 1);
  expect_in(cheap_refusal(repeated("resume: ", "${env:WEFT_TEST_LONG}", "")),
            "expected at most 1048576 bytes of text with its variables");
  unsetenv("WEFT_TEST_NOTHING");
  expect_in(cheap_refusal(repeated("resume: ", "${env:WEFT_TEST_NOTHING}", "")),
            "only the first 100");
  EXPECT_EQ(cheap_refusal(repeated("resume: ", "${env:WEFT_TEST_NOTHING,}", "")), "accepted");
  cheap_refusal(repeated("resume: ", "${", ""));
}

TEST(ConfigLimits, OptionsShareTheLimits) {
  std::vector<std::string> many;
  for (int i = 0; i < 100000; ++i) many.push_back("k" + std::to_string(i) + "=1");
  EXPECT_EQ(cheap_refusal("", many), "command line: expected at most 1000 options, got 100000");
  expect_in(cheap_refusal("", {repeated("a", ".a", "", 100000) + "=1"}), "expected a dotted path");
  expect_in(cheap_refusal("", {repeated("a", "[0]", "", 100000) + "=1"}), "expected a dotted path");
  std::string laughs =
      "{a: &a [1,1,1,1,1,1,1,1,1,1], b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a], "
      "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b], d: [*c,*c,*c,*c,*c,*c,*c,*c]}";
  many.clear();
  for (int i = 0; i < 1000; ++i) many.push_back("k" + std::to_string(i) + "=" + laughs);
  expect_in(cheap_refusal("", many), "expected at most 50000 values in all");
}

// The grammar itself, with every pair of its special characters and some that are longer.
TEST(ConfigLimits, SlowEveryRepeatedPatternOfYamlIsCheap) {
  const std::string alphabet = "[]{},:-?&*!|>'\"%@`# \na";
  std::vector<std::string> patterns;
  for (const char a : alphabet)
    for (const char b : alphabet) {
      patterns.push_back({a, b});
      for (const char c : {'a', '\n'}) patterns.push_back({a, b, c});
    }
  for (const char* pattern :
       {"&a# ",        "*a# ",       "!a# ",       "- ",      "- - ",  "? ",   "? - ",
        ": ",          "a: ",        "[a: ",       "{a: ",    "{? ",   "[? ",  "a:\n ",
        "- a\n",       "'a' ",       "\"\\x61\" ", "|\n a\n", "# a\n", "--- ", "...\n",
        "%YAML 1.2\n", "%TAG ! a\n", "!<a> ",      "a\n\n"})
    patterns.emplace_back(pattern);
  for (const std::string& pattern : patterns) {
    SCOPED_TRACE(testing::PrintToString(pattern));
    if (pattern.size() != 3) cheap_refusal(repeated("", pattern, "", 50'000));
    cheap_refusal(repeated("a: ", pattern, "", 50'000));
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace weft::config
