// SPDX-License-Identifier: Apache-2.0
// Curves as lines of text: every picture fits its size, and the dots are where the values are.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/view/text_plot.h"

namespace weft::view {
namespace {

std::string joined_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

TextCurve line_curve(const std::string& name, std::vector<std::pair<double, double>> points) {
  return {.name = name, .points = std::move(points)};
}

TEST(TextPlot, DrawsALineFromCornerToCorner) {
  const auto lines = text_plot({line_curve("loss", {{0, 0}, {10, 4}})},
                               {.columns = 24, .rows = 5, .unicode = true});
  EXPECT_EQ(joined_lines(lines),
            "4 ┤                ⣀⡠⠔⠒⠉\n"
            "  ┤          ⢀⣀⠤⠒⠊⠉     \n"
            "  ┤     ⣀⡠⠤⠒⠉⠁          \n"
            "0 ┤⣀⠤⠔⠊⠉                \n"
            "   0         5        10\n")
      << joined_lines(lines);
}

TEST(TextPlot, UsesPlainCharactersWithoutUnicode) {
  const std::string text = joined_lines(text_plot({line_curve("a", {{1, 1}, {2, 2}, {3, 1}})},
                                                  {.columns = 30, .rows = 6, .unicode = false}));
  for (const char c : text) EXPECT_GT(c, 0) << text;
  EXPECT_NE(text.find(':'), std::string::npos) << text;
}

TEST(TextPlot, FitsEverySize) {
  const std::vector<TextCurve> curves{
      line_curve("training", {{1, 123456.5}, {500, 1e-9}, {900, 33}}),
      line_curve("a validation with a very long name", {{1, 5}, {900, 7}})};
  for (int columns = 1; columns < 130; columns += 17)
    for (int rows = 1; rows < 40; rows += 6)
      for (const bool unicode : {true, false}) {
        const auto lines = text_plot(curves, {.columns = columns,
                                              .rows = rows,
                                              .log_y = columns % 2 == 0,
                                              .unicode = unicode,
                                              .colour = rows % 2 == 0,
                                              .marks = {400}});
        EXPECT_EQ(std::ssize(lines), std::max(rows, kLeastRows)) << columns << "×" << rows;
        for (const std::string& line : lines)
          EXPECT_LE(columns_of(line), std::max(columns, kLeastColumns)) << line;
      }
}

TEST(TextPlot, LeavesGapsForWhatIsNoNumber) {
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(joined_lines(text_plot({line_curve("a", {{1, nan}, {2, inf}, {nan, 3}})}, {})),
            "no values yet\n");
  EXPECT_EQ(joined_lines(text_plot({}, {})), "no values yet\n");
  EXPECT_EQ(joined_lines(text_plot({line_curve("a", {{1, -1}, {2, 0}})}, {.log_y = true})),
            "no values yet\n");
  const std::string text = joined_lines(text_plot(
      {line_curve("a", {{1, 1}, {2, nan}, {3, inf}, {4, 1}})}, {.columns = 24, .rows = 5}));
  EXPECT_EQ(text.find("⠒"), std::string::npos) << "two dots, no line: " << text;
}

TEST(TextPlot, DrawsOneValueAndEqualValues) {
  for (const auto& points : {std::vector<std::pair<double, double>>{{3, 5}},
                             std::vector<std::pair<double, double>>{{3, 5}, {4, 5}}}) {
    const std::string text =
        joined_lines(text_plot({line_curve("a", points)}, {.columns = 30, .rows = 8}));
    EXPECT_NE(text.find("5 ┤"), std::string::npos) << text;
    EXPECT_EQ(text.find("nan"), std::string::npos) << text;
  }
}

TEST(TextPlot, ColoursOnlyWhereAsked) {
  const std::vector<TextCurve> curves{line_curve("a", {{1, 1}, {2, 2}}),
                                      line_curve("b", {{1, 2}, {2, 1}})};
  EXPECT_EQ(joined_lines(text_plot(curves, {.colour = false})).find('\033'), std::string::npos);
  const std::string coloured = joined_lines(text_plot(curves, {.colour = true}));
  EXPECT_NE(coloured.find("\033[38;5;"), std::string::npos);
  EXPECT_NE(coloured.find("━ a"), std::string::npos);
}

TEST(TextPlot, CutsTextsByCharacters) {
  EXPECT_EQ(columns_of("äöü"), 3);
  EXPECT_EQ(columns_of("\033[38;5;33m┤┤\033[0m"), 2);
  EXPECT_EQ(cut_to("äöü", 2), "äö");
  EXPECT_EQ(cut_to("äöü", 3), "äöü");
  EXPECT_EQ(cut_to("\033[1mabc", 2), "\033[1mab\033[0m");
  EXPECT_EQ(cut_to("abc", 0), "");
}

TEST(TextPlot, ShortensNumbers) {
  EXPECT_EQ(short_number(0.0032), "0.0032");
  EXPECT_EQ(short_number(12345), "12.35k");
  EXPECT_EQ(short_number(1.5e6), "1.5M");
  EXPECT_EQ(short_number(-2e-7), "-2e-07");
  EXPECT_EQ(short_number(std::nan("")), "nan");
}

}  // namespace
}  // namespace weft::view
