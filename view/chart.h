// SPDX-License-Identifier: Apache-2.0
// Charts of curves and of points, laid out on a drawing: axes with round numbers or with names,
// grid, curves, and in a plot of its own a title, the name of the y axis and a legend.
// view/report.js draws the curves of a report again when a reader zooms.
#pragma once
#include <limits>
#include <string>
#include <vector>

#include "weft/view/drawing.h"
#include "weft/view/scale.h"

namespace weft::view {

// A y that is not finite is a gap.
struct Curve {
  std::string name;
  std::vector<double> x = {}, y = {};  // of equal length
  Colour colour = Colour::series(0);
  std::size_t dash = 0;    // a pattern of drawing.h
  bool scattered = false;  // dots without a line between them
  double dot_size = 1;     // of scattered ones, times the common size
};

// At most about `most` points of a curve: of each piece, its first and last point and its least and
// greatest value, so that no peak is lost. A piece that has gaps keeps one.
Curve thinned(const Curve& curve, std::size_t most);

struct Chart {
  std::string title = {};
  std::string x_label = "step";
  std::string y_label = {};
  bool logarithmic = false;  // y; values that are not positive are gaps
  std::vector<Curve> curves = {};
  bool logarithmic_x = false;             // points whose x is not positive are gaps
  bool whole_x = false;                   // x are whole numbers, and so are those at the axis
  std::vector<std::string> x_names = {};  // stand at x = 0, 1, 2, … in place of numbers
  // The y axis ends by about this value. Greater ones are triangles at its upper end.
  double most_y = std::numeric_limits<double>::infinity();
};

// Whether any curve has a value that a chart can show.
bool shows_anything(const Chart& chart);

struct ChartStyle {
  double text_size = 12;
  double line_width = 1.6;
  bool title = false, y_label = false, legend = false;
  std::size_t most_points = 600;  // of a curve
};

struct Area {
  double x = 0, y = 0, width = 0, height = 0;
};
// Adds the chart to the drawing. Everything stays inside of the area if that is at least 200 × 150
// pixels; the names in a legend are shortened to fit.
void draw_chart(Drawing& drawing, const Chart& chart, const Area& area, const ChartStyle& style);

}  // namespace weft::view
