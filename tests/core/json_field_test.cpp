// SPDX-License-Identifier: Apache-2.0
#include "weft/core/json_field.h"

#include <functional>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace weft {
namespace {

template <class Json>
std::string field_refusal(std::string_view text,
                          const std::function<void(const JsonField<Json>&)>& use) {
  const auto json = parse_json<Json>(text, "a.json");
  try {
    use(JsonField<Json>(json, "a.json"));
  } catch (const JsonError& error) {
    return error.what();
  }
  return "accepted";
}

template <class Json>
class JsonFields : public ::testing::Test {};
using Kinds = ::testing::Types<nlohmann::json, nlohmann::ordered_json>;
TYPED_TEST_SUITE(JsonFields, Kinds);

TYPED_TEST(JsonFields, HaveTheirValues) {
  const auto json = parse_json<TypeParam>(
      R"({"n":-3,"x":1.5,"t":"a","l":[1,2],"o":{"k":9223372036854775807}})", "a.json");
  const JsonField<TypeParam> root(json, "a.json");
  EXPECT_EQ(root.at("n").integer(), -3);
  EXPECT_EQ(root.at("n").integer(-3, 0), -3);
  EXPECT_EQ(root.at("x").number(), 1.5);
  EXPECT_EQ(root.at("n").number(), -3.0);
  EXPECT_EQ(root.at("t").text(), "a");
  EXPECT_EQ(root.at("l").items()[1].integer(), 2);
  EXPECT_EQ(root.at("o").entries()[0].first, "k");
  EXPECT_EQ(root.at("o").entries()[0].second.integer(), std::numeric_limits<i64>::max());
  EXPECT_FALSE(root.find("none").has_value());
}

TYPED_TEST(JsonFields, OfAnotherTypeAreRefusedWithTheirPlace) {
  using Field = JsonField<TypeParam>;
  const auto count = [](const Field& root) { root.at("o").at("n").integer(0, 9); };
  const auto said = [&](const std::string& value) {
    return field_refusal<TypeParam>("{\"o\":{\"n\":" + value + "}}", count);
  };
  EXPECT_EQ(said("9"), "accepted");
  for (const char* bad : {"-1", "10", "1.5", "18446744073709551615", "null", "true"})
    EXPECT_EQ(said(bad),
              "a.json: o.n is " + std::string(bad) + "; an integer from 0 to 9 is required");
  EXPECT_EQ(said("\"5\""), "a.json: o.n is '5'; an integer from 0 to 9 is required");
  EXPECT_EQ(said("[1]"), "a.json: o.n is a list; an integer from 0 to 9 is required");
  EXPECT_EQ(said("{}"), "a.json: o.n is an object; an integer from 0 to 9 is required");
  EXPECT_EQ(field_refusal<TypeParam>("{\"o\":{}}", count),
            "a.json: o.n is missing; it is required");
  EXPECT_EQ(field_refusal<TypeParam>("{\"o\":3}", count), "a.json: o is 3; an object is required");
  EXPECT_EQ(field_refusal<TypeParam>("[]", count), "a.json is a list; an object is required");
  EXPECT_EQ(field_refusal<TypeParam>("{\"l\":[1,null]}",
                                     [](const Field& root) {
                                       for (const Field& item : root.at("l").items())
                                         (void)item.number();
                                     }),
            "a.json: l[1] is null; a number is required");
  EXPECT_EQ(field_refusal<TypeParam>("18446744073709551615",
                                     [](const Field& root) { (void)root.integer(); }),
            "a.json is 18446744073709551615; an integer is required");
  EXPECT_EQ(field_refusal<TypeParam>("3", [](const Field& root) { (void)root.text(); }),
            "a.json is 3; a text is required");
  const std::string longer = field_refusal<TypeParam>(
      "\"" + std::string(100'000, 'x') + "\"", [](const Field& root) { (void)root.number(); });
  EXPECT_LT(longer.size(), 200U);
}

}  // namespace
}  // namespace weft
