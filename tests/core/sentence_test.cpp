// SPDX-License-Identifier: Apache-2.0
// What a name from a file can do to a sentence.
#include "weft/core/sentence.h"

#include <cerrno>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/log.h"

namespace weft {
namespace {

const std::string kForged = "x\nweft: done\n\ty";
const std::string kShown = "x\\nweft: done\\n\\ty";

std::string sentence_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return "";
}

TEST(Sentence, NamesHaveNoLineBreaksAndTheFormatKeepsIts) {
  const std::string_view view = kForged;
  EXPECT_EQ(sentence_of([&] { fail("a:\n{} {} {}", kForged, view, kForged.c_str()); }),
            "a:\n" + kShown + " " + kShown + " " + kShown);
}

TEST(Sentence, IsFormattedLikeAnyOther) {
  enum class Plain { a = 3 };
  EXPECT_EQ(sentence_of([] {
              fail("{:>4}|{:.2f}|{}|{}|{:#x}|{}|{:{}}|{:.3}|{}", 7, 1.5, true, 'c', 255, -1LL, "ab",
                   4, "abcdef", static_cast<int>(Plain::a));
            }),
            "   7|1.50|true|c|0xff|-1|ab  |abc|3");
  EXPECT_EQ(sentence_of([] { fail("no argument {{}}"); }), "no argument {}");
  EXPECT_EQ(sentence_of([] {
              fail("{} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {} {}", 1, 2, 3, 4, 5, 6, 7, 8, 9,
                   10, 11, 12, 13, 14, 15, 16, "17");
            }),
            "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17");
}

TEST(Sentence, WarningsAndPathsToo) {
  std::vector<std::string> lines;
  const LogSink before =
      set_log_sink([&](LogLevel, std::string_view line) { lines.emplace_back(line); });
  log_warning("it is {}", kForged);
  set_log_sink(before);
  EXPECT_EQ(lines, std::vector<std::string>{"it is " + kShown});
  EXPECT_EQ(sentence_of([] { throw IoError("a\nb", "read", EIO); }),
            "a\\nb: it cannot be read (Input/output error); access to it is required");
}

}  // namespace
}  // namespace weft
