// SPDX-License-Identifier: Apache-2.0
// Curves as lines of text, for a terminal: Braille characters of 2 × 4 dots, or plain characters.
#pragma once
#include <string>
#include <utility>
#include <vector>

namespace weft::view {

struct TextCurve {
  std::string name = {};
  std::vector<std::pair<double, double>> points = {};  // with rising x; numbers not finite are gaps
  bool dots = false;                                   // the points alone, without lines between
  bool faint = false;                                  // in a fainter colour
};

struct TextPlotOptions {
  int columns = 80, rows = 16;        // of the whole picture, axes included
  bool log_x = false, log_y = false;  // values of 0 and less are gaps
  bool unicode = true;                // otherwise ASCII alone
  bool colour = false;                // with the escape sequences of a terminal
  std::vector<double> marks = {};     // values of x with a vertical line
};

// The least size that is drawn: a smaller picture is made that large.
constexpr int kLeastColumns = 20, kLeastRows = 4;

// The lines of the picture, each of at most `columns` characters and without its newline: the plot
// with the values of y at its left, and the values of x below. Curves later in the list are drawn
// over those before. Names are shown only if there are several curves, in a line below. Without a
// point that can be drawn the picture says so.
std::vector<std::string> text_plot(const std::vector<TextCurve>& curves,
                                   const TextPlotOptions& options);

// A number in few characters: "0.0032", "1.2e-05", "12.3k", "1.5M".
std::string short_number(double value);

// The number of columns of a text without escape sequences, in which each character of UTF-8 takes
// one.
int columns_of(const std::string& text);
// The beginning of a text that takes at most so many columns, in the same sense. Colours end with
// it.
std::string cut_to(const std::string& text, int columns);

}  // namespace weft::view
