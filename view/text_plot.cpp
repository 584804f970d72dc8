// SPDX-License-Identifier: Apache-2.0
#include "weft/view/text_plot.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

namespace weft::view {
namespace {

// 256-colour codes that are told apart on black and on white, also by who cannot tell red from
// green.
constexpr std::array kTerminalColours{33, 208, 35, 170, 136, 37};
constexpr int kFaintColour = 245, kMarkColour = 245;

struct DotRange {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  bool empty() const { return !(low <= high); }
  void include(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
};

// A position on an axis: the value, or its logarithm. NaN for a value that has none.
double place(double value, bool log) {
  if (!std::isfinite(value) || (log && value <= 0)) return std::nan("");
  return log ? std::log10(value) : value;
}
double value_at(double place, bool log) { return log ? std::pow(10, place) : place; }

// The dots of a picture: 2 × 4 of them for each character. Without Unicode the same dots decide
// which of few characters stands in a cell.
class DotCanvas {
 public:
  DotCanvas(int columns, int rows)
      : columns_(columns), rows_(rows), cells_(size_of(columns, rows)) {}

  int width() const { return 2 * columns_; }
  int height() const { return 4 * rows_; }

  void dot(int x, int y, int colour) {
    if (x < 0 || y < 0 || x >= width() || y >= height()) return;
    Cell& cell = cells_[index(x / 2, y / 4)];
    cell.dots |= kBits[static_cast<std::size_t>(y % 4)][static_cast<std::size_t>(x % 2)];
    cell.colour = colour;
  }

  // Bresenham's line.
  void line(int x0, int y0, int x1, int y1, int colour) {
    const int dx = std::abs(x1 - x0), dy = -std::abs(y1 - y0);
    const int step_x = x0 < x1 ? 1 : -1, step_y = y0 < y1 ? 1 : -1;
    for (int error = dx + dy;;) {
      dot(x0, y0, colour);
      if (x0 == x1 && y0 == y1) return;
      const int twice = 2 * error;
      if (twice >= dy) error += dy, x0 += step_x;
      if (twice <= dx) error += dx, y0 += step_y;
    }
  }

  // A vertical line, below everything drawn.
  void mark(int x) {
    for (int row = 0; row < rows_; ++row) cells_[index(x / 2, row)].marked = true;
  }

  std::string row(int r, const TextPlotOptions& options) const {
    std::string text;
    int colour = 0;
    for (int c = 0; c < columns_; ++c) {
      const Cell& cell = cells_[index(c, r)];
      const int wanted = cell.dots != 0 ? cell.colour : cell.marked ? kMarkColour : 0;
      if (options.colour && wanted != colour && (cell.dots != 0 || cell.marked)) {
        text += fmt::format("\033[38;5;{}m", wanted);
        colour = wanted;
      }
      text += options.unicode ? braille(cell) : plain(cell);
    }
    if (colour != 0) text += "\033[0m";
    return text;
  }

 private:
  struct Cell {
    unsigned dots = 0;
    int colour = 0;
    bool marked = false;
  };
  // The bits of U+2800 to U+28FF, by row and column.
  static constexpr std::array<std::array<unsigned, 2>, 4> kBits{
      {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}}};

  static std::size_t size_of(int columns, int rows) {
    return static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows);
  }
  std::size_t index(int column, int row) const {
    return static_cast<std::size_t>(row) * static_cast<std::size_t>(columns_) +
           static_cast<std::size_t>(column);
  }

  static std::string braille(const Cell& cell) {
    if (cell.dots == 0) return cell.marked ? "┊" : " ";
    const unsigned code = 0x2800u + cell.dots;
    return {static_cast<char>(0xE0u | code >> 12), static_cast<char>(0x80u | (code >> 6 & 0x3Fu)),
            static_cast<char>(0x80u | (code & 0x3Fu))};
  }
  static std::string plain(const Cell& cell) {
    constexpr unsigned kUpper = 0x01 | 0x08 | 0x02 | 0x10;
    if (cell.dots == 0) return cell.marked ? "|" : " ";
    if ((cell.dots & kUpper) == 0) return ".";
    return (cell.dots & ~kUpper) == 0 ? "'" : ":";
  }

  int columns_, rows_;
  std::vector<Cell> cells_;
};

// Both axes, and where their values lie on the canvas.
struct DotAxes {
  DotRange x, y;
  bool log_x = false, log_y = false;

  int column(double value, int width) const { return scaled(place(value, log_x), x, width); }
  int row(double value, int height) const {
    return height - 1 - scaled(place(value, log_y), y, height);
  }
  bool shows(const std::pair<double, double>& point) const {
    return std::isfinite(place(point.first, log_x)) && std::isfinite(place(point.second, log_y));
  }

 private:
  static int scaled(double at, const DotRange& range, int size) {
    const double share = range.high > range.low ? (at - range.low) / (range.high - range.low) : 0.5;
    return static_cast<int>(std::lround(share * (size - 1)));
  }
};

DotAxes dot_axes_of(const std::vector<TextCurve>& curves, const TextPlotOptions& options) {
  DotAxes axes{.x = {}, .y = {}, .log_x = options.log_x, .log_y = options.log_y};
  for (const TextCurve& curve : curves)
    for (const auto& point : curve.points)
      if (axes.shows(point)) {
        axes.x.include(place(point.first, axes.log_x));
        axes.y.include(place(point.second, axes.log_y));
      }
  return axes;
}

int terminal_colour_of(const TextCurve& curve, std::size_t index) {
  return curve.faint ? kFaintColour : kTerminalColours[index % kTerminalColours.size()];
}

void draw_dots(DotCanvas& canvas, const TextCurve& curve, const DotAxes& axes, int colour) {
  bool joined = false;
  int last_x = 0, last_y = 0;
  for (const auto& point : curve.points) {
    if (!axes.shows(point)) {
      joined = false;
      continue;
    }
    const int x = axes.column(point.first, canvas.width()),
              y = axes.row(point.second, canvas.height());
    if (joined && !curve.dots) canvas.line(last_x, last_y, x, y, colour);
    else canvas.dot(x, y, colour);
    joined = true;
    last_x = x;
    last_y = y;
  }
}

std::string padded_left(const std::string& text, int width) {
  return std::string(static_cast<std::size_t>(std::max(0, width - columns_of(text))), ' ') + text;
}

// The values of x below the plot: the ends and, where there is room, the middle.
std::string text_x_labels(const DotAxes& axes, int columns) {
  std::string first = short_number(value_at(axes.x.low, axes.log_x));
  const std::string last = short_number(value_at(axes.x.high, axes.log_x)),
                    middle = short_number(value_at((axes.x.low + axes.x.high) / 2, axes.log_x));
  std::string text(static_cast<std::size_t>(columns), ' ');
  const auto put = [&](const std::string& label, std::size_t at) {
    text.replace(at, label.size(), label);
  };
  if (first.size() + last.size() + 1 > text.size()) return first;
  put(first, 0);
  put(last, text.size() - last.size());
  const std::size_t at = (text.size() - std::min(text.size(), middle.size())) / 2;
  if (at > first.size() + 1 && at + middle.size() + 1 < text.size() - last.size() &&
      axes.x.high > axes.x.low)
    put(middle, at);
  return text;
}

std::string text_legend(const std::vector<TextCurve>& curves, const TextPlotOptions& options,
                        int columns) {
  std::string text;
  int used = 0;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    const std::string name = (options.unicode ? "━ " : "- ") + curves[i].name;
    if (used + (used > 0 ? 3 : 0) + columns_of(name) > columns) break;
    if (used > 0) text += "   ", used += 3;
    text += options.colour
                ? fmt::format("\033[38;5;{}m{}\033[0m", terminal_colour_of(curves[i], i), name)
                : name;
    used += columns_of(name);
  }
  return text;
}

}  // namespace

std::string short_number(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value > 0 ? "inf" : "-inf";
  const double size = std::abs(value);
  if (size >= 9999.5 && size < 999'950) return fmt::format("{:.4g}k", value / 1e3);
  if (size >= 999'950 && size < 1e9) return fmt::format("{:.4g}M", value / 1e6);
  return fmt::format("{:.4g}", value);
}

int columns_of(const std::string& text) {
  int columns = 0;
  bool escape = false;
  for (const char c : text) {
    if (c == '\033') escape = true;
    else if (escape) escape = c != 'm';
    else if ((c & 0xC0) != 0x80) ++columns;
  }
  return columns;
}

std::string cut_to(const std::string& text, int columns) {
  if (columns_of(text) <= columns) return text;
  int used = 0;
  bool escape = false, coloured = false;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    const char c = text[end];
    if (c == '\033') escape = coloured = true;
    else if (escape) escape = c != 'm';
    else if ((c & 0xC0) != 0x80 && ++used > columns) break;
  }
  return text.substr(0, end) + (coloured ? "\033[0m" : "");
}

std::vector<std::string> text_plot(const std::vector<TextCurve>& curves,
                                   const TextPlotOptions& options) {
  const int columns = std::max(options.columns, kLeastColumns),
            rows = std::max(options.rows, kLeastRows);
  const DotAxes axes = dot_axes_of(curves, options);
  if (axes.x.empty()) return {"no values yet"};
  const bool several = curves.size() > 1;
  const int plot_rows = rows - 1 - (several ? 1 : 0);
  const std::string high = short_number(value_at(axes.y.high, axes.log_y)),
                    low = short_number(value_at(axes.y.low, axes.log_y)),
                    middle = short_number(value_at((axes.y.low + axes.y.high) / 2, axes.log_y));
  const int label = std::max({columns_of(high), columns_of(low), columns_of(middle)});
  DotCanvas canvas(columns - label - 2, plot_rows);
  for (const double mark : options.marks) {
    const double at = place(mark, axes.log_x);
    if (at >= axes.x.low && at <= axes.x.high) canvas.mark(axes.column(mark, canvas.width()));
  }
  for (std::size_t i = 0; i < curves.size(); ++i)
    draw_dots(canvas, curves[i], axes, terminal_colour_of(curves[i], i));
  std::vector<std::string> lines;
  const std::string edge = options.unicode ? "┤" : "|";
  for (int r = 0; r < plot_rows; ++r) {
    const bool flat = !(axes.y.high > axes.y.low);
    const std::string value = flat                 ? (r == plot_rows / 2 ? low : "")
                              : r == 0             ? high
                              : r == plot_rows - 1 ? low
                              : r == plot_rows / 2 && plot_rows > 4 ? middle
                                                                    : "";
    lines.push_back(padded_left(value, label) + " " + edge + canvas.row(r, options));
  }
  lines.push_back(std::string(static_cast<std::size_t>(label + 2), ' ') +
                  text_x_labels(axes, columns - label - 2));
  if (several)
    lines.push_back(std::string(static_cast<std::size_t>(label + 2), ' ') +
                    text_legend(curves, options, columns - label - 2));
  return lines;
}

}  // namespace weft::view
