// SPDX-License-Identifier: Apache-2.0
#include "weft/core/seconds.h"

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/core/fields.h"
#include "weft/tests/support/message_of.h"

namespace weft {
namespace {

using test_support::message_of;

TEST(Seconds, ReadBackWhatTheyPrint) {
  for (const char* text : {"30s", "0.5s", "0s", "1000000000s"})
    EXPECT_EQ(Seconds(text).to_string(), text);
  EXPECT_EQ(Seconds("1.5s").amount(), 1.5);
  EXPECT_TRUE(Seconds("0").is_zero() && Seconds().is_zero());
}

TEST(Seconds, RefuseWhatIsNoTime) {
  for (const char* text : {"", "30", "s", "30 s", "30m", "infs", "nans", "30seconds", "3ep"})
    EXPECT_EQ(message_of([&] { Seconds{text}; }),
              "time: '" + std::string(text) +
                  "' given; a number of seconds with its unit is required, like 30s");
  EXPECT_EQ(message_of([] { Seconds{"-1s"}; }),
            "time: '-1s' given; a time of at least 0s is required");
  EXPECT_EQ(message_of([] { Seconds{"1e10s"}; }),
            "time: '1e10s' given; at most 1000000000s is allowed");
}

struct Timed {
  Seconds every = "30s";
};
void describe(Fields& f, Timed& o) { f("every", o.every, "how often"); }

TEST(Seconds, AreAValueOfAConfig) {
  const auto read = [](const std::string& text) {
    return config::load_text<Timed>(text, "a.yaml", {}).value.every;
  };
  EXPECT_EQ(read("every: 0.25s"), Seconds("0.25s"));
  EXPECT_EQ(read("every: 0"), Seconds());
  EXPECT_EQ(config::to_yaml(Timed{}), "every: 30s\n");
  EXPECT_EQ(message_of([&] { read("every: 30"); }),
            "a.yaml:1:1: every: expected a time such as 30s, got '30'; write 30s");
  EXPECT_EQ(message_of([&] { read("every: -2s"); }),
            "a.yaml:1:1: every: expected a time such as 30s, got '-2s'; a time of at least 0s is "
            "required");
}

}  // namespace
}  // namespace weft
