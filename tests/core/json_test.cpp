// SPDX-License-Identifier: Apache-2.0
#include "weft/core/json.h"

#include <ctime>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weft {
namespace {

using Sorted = nlohmann::json;
using Ordered = nlohmann::ordered_json;

std::string json_refusal(std::string_view text, int max_depth = kMaxJsonDepth) {
  std::string sorted = "accepted", ordered = "accepted";
  try {
    parse_json<Sorted>(text, "a.json", max_depth);
  } catch (const JsonError& error) {
    sorted = error.what();
  }
  try {
    parse_json<Ordered>(text, "a.json", max_depth);
  } catch (const JsonError& error) {
    ordered = error.what();
  }
  EXPECT_EQ(sorted, ordered);
  return sorted;
}

TEST(Json, ValuesAreThoseOfItsOwnParser) {
  for (const char* text :
       {"null", "true", "-3", "18446744073709551615", "1.5e300", R"("a\u00e9")", "[]", "{}",
        R"({"b":[1,[2,{"c":null}],{}],"a":{"x":{"y":"z"}},"":[[]]})", " [1 , 2 ] \n"}) {
    EXPECT_EQ(parse_json<Sorted>(text, "t"), Sorted::parse(text)) << text;
    EXPECT_EQ(parse_json<Ordered>(text, "t").dump(), Ordered::parse(text).dump()) << text;
  }
}

TEST(Json, WhatIsNoJsonIsOneSentence) {
  EXPECT_EQ(json_refusal("{\"a\": 1} x"), "a.json is no JSON at byte 10, near '1} x'");
  EXPECT_EQ(json_refusal(""), "a.json is no JSON at byte 1, near ''");
  EXPECT_EQ(json_refusal("{\"a\": 1, \"b\": {\"a\": 2, \"a\": 3}}"),
            "a.json has the key 'a' twice; each must come once");
  EXPECT_EQ(json_refusal("[\"\x1b[31m\"]").find('\x1b'), std::string::npos);
  EXPECT_LT(json_refusal("[\"" + std::string(100000, 'x')).size(), 200U);
  EXPECT_NE(json_refusal("[\"\xff\"]").find("no JSON"), std::string::npos);
  EXPECT_NE(json_refusal("[1e999]").find("no JSON"), std::string::npos);
}

TEST(Json, DepthIsLimited) {
  const auto nested = [](int levels) {
    return std::string(static_cast<std::size_t>(levels), '[') +
           std::string(static_cast<std::size_t>(levels), ']');
  };
  EXPECT_EQ(json_refusal(nested(64)), "accepted");
  EXPECT_EQ(json_refusal(nested(65)), "a.json nests 65 levels; at most 64 are allowed");
  EXPECT_EQ(json_refusal(nested(500000)), "a.json nests 65 levels; at most 64 are allowed");
  EXPECT_EQ(json_refusal(R"({"a":{"b":[[1]]}})", 3),
            "a.json nests 4 levels; at most 3 are allowed");
  EXPECT_EQ(json_refusal(R"({"a":{"b":[1]}})", 3), "accepted");
}

TEST(Json, TimeIsLinearInTheKeys) {
  std::string text = "{";
  for (int i = 0; text.size() < (1 << 20) - 16; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  text += '}';
  const std::clock_t begin = std::clock();    // processor time: other processes do not count
  EXPECT_EQ(json_refusal(text), "accepted");  // parses it twice
  const double seconds = static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC;
  EXPECT_LT(seconds, 4);  // 100 s where each new key searches all keys
}

}  // namespace
}  // namespace weft
