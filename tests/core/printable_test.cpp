// SPDX-License-Identifier: Apache-2.0
#include "weft/core/printable.h"

#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/core/log.h"

namespace weft {
namespace {

TEST(Printable, TextStaysAndControlsBecomeVisible) {
  EXPECT_EQ(printable("plain, é, 漢, 😀, \\"), "plain, é, 漢, 😀, \\");
  EXPECT_EQ(printable("\x1b]0;title\x07"), "\\x1b]0;title\\x07");
  EXPECT_EQ(printable(std::string_view("a\0b\x7f", 4)), "a\\x00b\\x7f");
  EXPECT_EQ(printable("\r"), "\\x0d");
  EXPECT_EQ(printable("\u009b31m"), "\\u009b31m");  // the one-character form of ESC [
  EXPECT_EQ(printable("\u202eabc\u2066"), "\\u202eabc\\u2066");
  EXPECT_EQ(printable("a\n\tb"), "a\n\tb");
  EXPECT_EQ(printable_line("a\n\tb"), "a\\n\\tb");
  EXPECT_EQ(printable(printable("\x1b\xff\u202e")), printable("\x1b\xff\u202e"));
}

TEST(Printable, BytesThatAreNotUtf8AreEscapedOneByOne) {
  EXPECT_EQ(printable("\xff\xfe"), "\\xff\\xfe");
  EXPECT_EQ(printable("\xc3"), "\\xc3");           // cut off
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");  // overlong
  EXPECT_EQ(printable("\xe0\x80\xaf"), "\\xe0\\x80\\xaf");
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");  // a surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");
  EXPECT_EQ(printable("\x80z"), "\\x80z");
}

TEST(Printable, FindsTheFirstByteThatIsNotUtf8) {
  EXPECT_EQ(invalid_utf8("a\u00e9\U0010ffff"), std::string_view::npos);
  EXPECT_EQ(invalid_utf8(""), std::string_view::npos);
  EXPECT_EQ(invalid_utf8("a\u00e9\xff"), 3U);
  EXPECT_EQ(invalid_utf8("\xf0\x9f\x98"), 0U);
}

TEST(Printable, ExcerptsCutNoCharacter) {
  EXPECT_EQ(excerpt("abc", 3), "abc");
  EXPECT_EQ(excerpt("abcd", 3), "abc…");
  EXPECT_EQ(excerpt("aé漢", 2), "a…");
  EXPECT_EQ(excerpt("aé漢", 5), "aé…");
  EXPECT_EQ(excerpt("\x80\x80\x80\x80\x80\x80", 5).size(), 5 + std::string("…").size());
  const std::string sentence = "place: " + std::string(100000, 'x') + "; a name is required";
  EXPECT_TRUE(shortened(sentence).starts_with("place: xxx"));
  EXPECT_TRUE(shortened(sentence).ends_with("…" + sentence.substr(sentence.size() - 1000)));
  EXPECT_EQ(shortened("place: x"), "place: x");
}

TEST(Printable, ErrorsAndLogLinesAreMadePrintable) {
  const std::string name = "cat\x1b[2J";
  try {
    fail("class: '{}' given; a name is required", name);
  } catch (const UserError& error) {
    EXPECT_STREQ(error.what(), "class: 'cat\\x1b[2J' given; a name is required");
  }
  try {
    WEFT_ASSERT(name.empty(), "class '{}'", name);
  } catch (const InternalError& error) {
    EXPECT_EQ(std::string(error.what()).substr(0, 18), "class 'cat\\x1b[2J'");
  }
  std::vector<std::string> lines;
  const LogSink before =
      set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  log_warning("class '{}'", name);
  set_log_sink(before);
  EXPECT_EQ(lines, std::vector<std::string>{"class 'cat\\x1b[2J'"});
}

}  // namespace
}  // namespace weft
