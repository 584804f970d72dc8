// SPDX-License-Identifier: Apache-2.0
// Pages: nothing of a run can become markup or script, and a page loads nothing.
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/view/assets.h"
#include "weft/view/page.h"

namespace weft::view {
namespace {

TEST(Escaped, LeavesNoMarkup) {
  EXPECT_EQ(escaped("<a href=\"x\">&'"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39;");
  EXPECT_EQ(escaped("\x1b[31m\xff"), "\\x1b[31m\\xff");
  EXPECT_EQ(escaped("größe λ"), "größe λ");
}

TEST(Page, HoldsItsDataWithoutEndingTheScript) {
  Page page{"a </title> b", "<p>body</p>"};
  page.data.push_back({"d", R"({"name":"</script><script>alert(1)</script><!--"})"});
  const std::string html = to_html(page);
  EXPECT_EQ(html.find("<script>alert"), std::string::npos);
  EXPECT_EQ(html.find("<!--"), std::string::npos);
  EXPECT_NE(html.find(R"({"name":"\u003c/script>\u003cscript>alert(1))"), std::string::npos)
      << html;
  EXPECT_NE(html.find("<title>a &lt;/title&gt; b</title>"), std::string::npos);
}

TEST(Page, LoadsNothing) {
  Page page{"t"};
  page.styles = {"report.css"};
  page.scripts = {"axes.js", "chart.js", "report.js"};
  const std::string html = to_html(page);
  for (const char* const part : {"src=\"http", "href=", "url(http", "@import", "fetch("})
    EXPECT_EQ(html.find(part), std::string::npos) << part;
  EXPECT_NE(html.find("default-src 'none'"), std::string::npos);
}

TEST(Asset, IsTheFileOfThisName) {
  std::ifstream file(std::string(WEFT_SOURCE_ROOT) + "/view/report.js", std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(asset("report.js"), text);
  EXPECT_NE(test_support::message_of<InternalError>([] { asset("none.js"); }).find("none.js"),
            std::string::npos);
}

class WrittenPage : public test_support::InScratchFolder {
 protected:
  WrittenPage() : InScratchFolder("page") {}
};

TEST_F(WrittenPage, DoesNotReplaceAFileOfARun) {
  std::ofstream(folder_ / "config.yaml") << "run: {}\n";
  const auto refusal =
      test_support::message_of([&] { write_page((folder_ / "log.txt").string(), {"t"}); });
  EXPECT_NE(refusal.find("is a file of the run"), std::string::npos) << refusal;
  write_page((folder_ / "report.html").string(), {"t"});
  EXPECT_TRUE(std::filesystem::exists(folder_ / "report.html"));
}

}  // namespace
}  // namespace weft::view
