// SPDX-License-Identifier: Apache-2.0
#include "weft/core/glob.h"

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/support/message_of.h"

namespace weft {
namespace {

TEST(Glob, StarsAreRunsAndQuestionMarksAreOneCharacter) {
  for (const char* pattern : {"*", "classifier.*", "*.bias", "class*bias", "classifier.bias",
                              "classifier?bias", "*s*.*b*", "**.bias", "classifier.bias*"})
    EXPECT_TRUE(glob_matches(pattern, "classifier.bias")) << pattern;
  for (const char* pattern : {"", "classifier", "bias", "*.weight", "classifier.?bias", "?",
                              "Classifier.*", "*bias?", "classifier.bias.*", "[c]*"})
    EXPECT_FALSE(glob_matches(pattern, "classifier.bias")) << pattern;
  EXPECT_TRUE(glob_matches("", ""));
  EXPECT_TRUE(glob_matches("*", ""));
  EXPECT_FALSE(glob_matches("?", ""));
}

bool matches_by_definition(std::string_view pattern, std::string_view name) {
  if (pattern.empty()) return name.empty();
  if (pattern[0] == '*')
    return matches_by_definition(pattern.substr(1), name) ||
           (!name.empty() && matches_by_definition(pattern, name.substr(1)));
  return !name.empty() && (pattern[0] == '?' || pattern[0] == name[0]) &&
         matches_by_definition(pattern.substr(1), name.substr(1));
}

std::vector<std::string> all_texts(std::string_view letters, std::size_t longest) {
  std::vector<std::string> texts{""};
  for (std::size_t i = 0; i < texts.size(); ++i)
    if (texts[i].size() < longest)
      for (const char letter : letters) texts.push_back(texts[i] + letter);
  return texts;
}

TEST(Glob, AgreesWithItsDefinitionOnAllShortTexts) {
  const auto names = all_texts("ab", 5);
  for (const std::string& pattern : all_texts("ab*?", 4))
    for (const std::string& name : names)
      ASSERT_EQ(glob_matches(pattern, name), matches_by_definition(pattern, name))
          << pattern << " on " << name;
}

TEST(Glob, ManyStarsStayFast) {
  const std::string name(2000, 'a');
  EXPECT_FALSE(glob_matches("*a*a*a*a*a*a*a*a*a*a*b", name));
}

const std::vector<std::string> kNames{"features.0.weight", "features.0.bias", "features.1.weight",
                                      "classifier.weight", "classifier.bias"};

TEST(Glob, SelectsWhatAnyPatternMatchesOnceAndInOrder) {
  const std::vector<std::string> patterns{"classifier.*", "*.bias"};
  EXPECT_EQ(glob_select("freeze", patterns, kNames), (std::vector<i64>{1, 3, 4}));
  EXPECT_EQ(glob_select("freeze", {}, kNames), std::vector<i64>{});
}

std::string refusal(const std::string& pattern, const std::vector<std::string>& names) {
  return test_support::message_of([&] {
    glob_select("freeze", std::vector<std::string>{"*", pattern}, names);
  });
}

TEST(Glob, APatternThatMatchesNothingNamesTheNearest) {
  EXPECT_EQ(refusal("clasifier.*", kNames),
            "freeze: pattern 'clasifier.*' matches none of 5 names; "
            "nearest: classifier.weight, classifier.bias, features.0.weight");
  EXPECT_EQ(refusal("*.bais", kNames).substr(0, 76),
            "freeze: pattern '*.bais' matches none of 5 names; nearest: features.0.bias, ");
  EXPECT_EQ(refusal("x", {}), "freeze: pattern '*' matches none of 0 names; nearest: none");
}

}  // namespace
}  // namespace weft
