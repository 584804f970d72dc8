// SPDX-License-Identifier: Apache-2.0
#include "weft/view/chart.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "weft/core/printable.h"
#include "weft/core/types.h"

namespace weft::view {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

struct Range {
  double low = kInfinity, high = -low;
  void add(double value) {
    low = std::min(low, value);
    high = std::max(high, value);
  }
  bool empty() const { return low > high; }
};

// A text of at most this width, with an ellipsis if it was longer.
std::string fitted(std::string text, double size, double width) {
  for (std::size_t bytes = text.size(); bytes > 4 && text_width(text, size) > width; --bytes)
    text = excerpt(text, bytes - 4);
  return text;
}

class ChartLayout {
 public:
  ChartLayout(Drawing& drawing, const Chart& chart, const Area& area, const ChartStyle& style)
      : drawing_(drawing), chart_(chart), area_(area), inner_(area), style_(style) {
    logarithmic_ = chart.logarithmic;
    measure();
    if (y_range_.empty() && logarithmic_) {
      logarithmic_ = false;
      measure();
    }
  }

  void draw() {
    if (style_.title) add_title();
    if (style_.legend) add_legend();
    choose_axes();
    add_axes();
    for (const Curve& curve : chart_.curves) add_curve(thinned(curve, style_.most_points));
  }

 private:
  bool can_be_drawn(double x, double y) const {
    return std::isfinite(x) && std::isfinite(y) && (!logarithmic_ || y > 0) &&
           (!chart_.logarithmic_x || x > 0);
  }

  void measure() {
    x_range_ = y_range_ = {};
    for (const Curve& curve : chart_.curves)
      for (std::size_t i = 0; i < curve.x.size(); ++i) {
        if (!can_be_drawn(curve.x[i], curve.y[i])) continue;
        x_range_.add(curve.x[i]);
        if (curve.y[i] <= chart_.most_y) y_range_.add(curve.y[i]);
      }
    if (x_range_.empty()) x_range_ = {0, 1};
    if (y_range_.empty() && !logarithmic_) y_range_ = {0, 1};
  }

  void cut_top(double height) {
    inner_.y += height;
    inner_.height -= height;
  }

  void add_title() {
    const double size = style_.text_size * 1.1;
    drawing_.texts.push_back({{inner_.x + inner_.width / 2, inner_.y + size},
                              fitted(chart_.title, size, inner_.width),
                              size,
                              Anchor::middle,
                              Colour::ink(),
                              true});
    cut_top(size * 1.7);
  }

  void add_legend() {
    const double size = style_.text_size, key = size * 2, line = size * 1.5;
    double x = inner_.x, y = inner_.y;
    for (const Curve& curve : chart_.curves) {
      const std::string name = fitted(curve.name, size, inner_.width - key - size);
      const double width = key + size * 0.5 + text_width(name, size) + size * 1.2;
      if (x > inner_.x && x + width > inner_.x + inner_.width) {
        x = inner_.x;
        y += line;
      }
      drawing_.lines.push_back({{{x, y + size * 0.65}, {x + key, y + size * 0.65}},
                                curve.colour,
                                style_.line_width * 1.25,
                                curve.dash});
      drawing_.texts.push_back({{x + key + size * 0.5, y + size}, name, size});
      x += width;
    }
    cut_top(y + line + size * 0.4 - inner_.y);
  }

  void choose_axes() {
    const double size = style_.text_size;
    cut_top(size * 0.6);
    inner_.height -= height_of_x_texts() + (chart_.x_label.empty() ? 0 : size * 1.4);
    const int most_y = std::clamp(static_cast<int>(inner_.height / (size * 2.8)), 2, 8);
    y_ = logarithmic_ ? logarithmic_axis(y_range_.low, y_range_.high, most_y)
                      : linear_axis(y_range_.low, y_range_.high, most_y);
    double widest = 0;
    for (const std::string& text : y_.texts) widest = std::max(widest, text_width(text, size));
    const double left = widest + size * 0.7 + (style_.y_label ? size * 1.6 : 0);
    inner_.x += left;
    inner_.width -= left + size * 1.6;
    // As many numbers as stand side by side with room between them.
    for (int most = 8; most >= 1; --most) {
      x_ = x_axis(most);
      double total = 0;
      for (const std::string& text : x_.texts)
        total = std::max(total, text_width(text, size) + size * 1.2);
      if (total * static_cast<double>(x_.texts.size()) <= inner_.width) break;
    }
  }

  // Names that have no room side by side stand upright.
  double height_of_x_texts() {
    const double size = style_.text_size;
    double widest = 0;
    for (const std::string& name : chart_.x_names)
      widest = std::max(widest, text_width(name, size));
    const double room = (inner_.width - size * 5) / static_cast<double>(chart_.x_names.size());
    names_stand_ = !chart_.x_names.empty() && widest + size * 1.3 > room;
    return names_stand_ ? std::min(widest, inner_.height * 0.45) + size : size * 1.7;
  }

  Axis x_axis(int most) const {
    if (!chart_.x_names.empty()) return named_axis(most);
    if (chart_.logarithmic_x && x_range_.low > 0)
      return logarithmic_axis(x_range_.low, x_range_.high, most);
    const bool scattered = std::any_of(chart_.curves.begin(), chart_.curves.end(),
                                       [](const Curve& curve) { return curve.scattered; });
    // A dot does not lie on the y axis.
    double room = scattered ? 0.03 * (x_range_.high - x_range_.low) : 0;
    if (chart_.whole_x) {
      if (x_range_.low == x_range_.high) room = 0.5;
      most = static_cast<int>(
          std::min<double>(most, std::ceil(x_range_.high - x_range_.low + 2 * room)));
    }
    return linear_axis(x_range_.low - room, x_range_.high + room, most, false);
  }
  // At least one in `most` names stands at its place, shortened to the room that it has.
  Axis named_axis(int most) const {
    const std::size_t names = chart_.x_names.size();
    const auto shown = names_stand_
                           ? static_cast<std::size_t>(inner_.width / style_.text_size / 1.3)
                           : static_cast<std::size_t>(most);
    const std::size_t stride =
        names <= 2 * shown && !names_stand_ ? 1 : (names + shown - 1) / shown;
    const double room =
        names_stand_ ? area_.y + area_.height - inner_.y - inner_.height + style_.text_size * 0.5
                     : inner_.width * static_cast<double>(stride) / static_cast<double>(names);
    Axis axis{-0.5, static_cast<double>(names) - 0.5};
    for (std::size_t i = 0; i < names; i += stride) {
      axis.ticks.push_back(static_cast<double>(i));
      axis.texts.push_back(
          fitted(chart_.x_names[i], style_.text_size, room - style_.text_size * 1.3));
    }
    return axis;
  }

  double x_of(double x) const { return inner_.x + x_.share_of(x) * inner_.width; }
  double y_of(double y) const {
    const double share = y > chart_.most_y ? 1 : std::clamp(y_.share_of(y), 0.0, 1.0);
    return inner_.y + (1 - share) * inner_.height;
  }

  void add_axes() {
    const double size = style_.text_size, bottom = inner_.y + inner_.height;
    for (std::size_t i = 0; i < y_.ticks.size(); ++i) {
      const double y = y_of(y_.ticks[i]);
      drawing_.lines.push_back({{{inner_.x, y}, {inner_.x + inner_.width, y}}, Colour::grid()});
      drawing_.texts.push_back({{inner_.x - size * 0.5, y + size * 0.35},
                                y_.texts[i],
                                size,
                                Anchor::end,
                                Colour::soft()});
    }
    for (std::size_t i = 0; i < x_.ticks.size(); ++i) {
      const double x = x_of(x_.ticks[i]);
      drawing_.lines.push_back({{{x, bottom}, {x, bottom + size * 0.3}}, Colour::soft()});
      if (names_stand_) {
        drawing_.texts.push_back({{x + size * 0.35, bottom + size * 0.6},
                                  x_.texts[i],
                                  size,
                                  Anchor::end,
                                  Colour::soft(),
                                  false,
                                  true});
        continue;
      }
      const double half = text_width(x_.texts[i], size) / 2;
      drawing_.texts.push_back(
          {{std::clamp(x, area_.x + half, area_.x + area_.width - half), bottom + size * 1.4},
           x_.texts[i],
           size,
           Anchor::middle,
           Colour::soft()});
    }
    drawing_.lines.push_back(
        {{{inner_.x, bottom}, {inner_.x + inner_.width, bottom}}, Colour::soft()});
    if (!chart_.x_label.empty())
      drawing_.texts.push_back({{inner_.x + inner_.width / 2, area_.y + area_.height - size * 0.3},
                                chart_.x_label,
                                size,
                                Anchor::middle,
                                Colour::ink()});
    if (style_.y_label && !chart_.y_label.empty())
      drawing_.texts.push_back({{area_left() + size, inner_.y + inner_.height / 2},
                                fitted(chart_.y_label, size, inner_.height),
                                size,
                                Anchor::middle,
                                Colour::ink(),
                                false,
                                true});
  }
  double area_left() const {
    double widest = 0;
    for (const std::string& text : y_.texts)
      widest = std::max(widest, text_width(text, style_.text_size));
    return inner_.x - widest - style_.text_size * 2.3;
  }

  void add_curve(const Curve& curve) {
    if (curve.scattered) return add_dots(curve);
    const bool few = curve.x.size() <= 40;
    const double width = curve.x.size() > 250 ? style_.line_width * 0.65 : style_.line_width;
    std::vector<XY> piece;
    const auto end_piece = [&] {
      if (piece.size() > 1) drawing_.lines.push_back({piece, curve.colour, width, curve.dash});
      if (few || piece.size() == 1)
        for (const XY& at : piece)
          drawing_.dots.push_back({at, style_.line_width * 1.2, curve.colour});
      piece.clear();
    };
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!can_be_drawn(curve.x[i], curve.y[i])) {
        end_piece();
        continue;
      }
      piece.push_back({x_of(curve.x[i]), y_of(curve.y[i])});
      if (curve.y[i] > chart_.most_y) add_triangle(piece.back(), curve.colour, 1);
    }
    end_piece();
  }

  void add_dots(const Curve& curve) {
    for (std::size_t i = 0; i < curve.x.size(); ++i) {
      if (!can_be_drawn(curve.x[i], curve.y[i])) continue;
      const XY at{x_of(curve.x[i]), y_of(curve.y[i])};
      if (curve.y[i] > chart_.most_y) add_triangle(at, curve.colour, curve.dot_size);
      else drawing_.dots.push_back({at, style_.line_width * 1.8 * curve.dot_size, curve.colour});
    }
  }

  // Points up, from the upper end of the axis.
  void add_triangle(const XY& at, Colour colour, double scale) {
    const double side = style_.line_width * 2.4 * scale;
    drawing_.lines.push_back({{{at.x - side, at.y + side},
                               {at.x, at.y - side * 0.6},
                               {at.x + side, at.y + side},
                               {at.x - side, at.y + side}},
                              colour,
                              style_.line_width});
  }

  Drawing& drawing_;
  const Chart& chart_;
  Area area_, inner_;  // all of it, and what is left
  ChartStyle style_;
  bool logarithmic_ = false, names_stand_ = false;
  Range x_range_, y_range_;
  Axis x_, y_;
};

}  // namespace

Curve thinned(const Curve& curve, std::size_t most) {
  const std::size_t points = curve.x.size();
  if (points <= most || most < 8) return curve;
  Curve few{curve.name, {}, {}, curve.colour, curve.dash, curve.scattered, curve.dot_size};
  const std::size_t pieces = most / 5;
  for (std::size_t piece = 0; piece < pieces; ++piece) {
    const std::size_t begin = piece * points / pieces, end = (piece + 1) * points / pieces;
    std::vector<std::size_t> kept{begin, end - 1};
    std::size_t least = end, greatest = end, gap = end;
    for (std::size_t i = begin; i < end; ++i) {
      if (!std::isfinite(curve.y[i])) {
        gap = i;
        continue;
      }
      if (least == end || curve.y[i] < curve.y[least]) least = i;
      if (greatest == end || curve.y[i] > curve.y[greatest]) greatest = i;
    }
    for (const std::size_t i : {least, greatest, gap})
      if (i < end) kept.push_back(i);
    std::sort(kept.begin(), kept.end());
    kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
    for (const std::size_t i : kept) {
      few.x.push_back(curve.x[i]);
      few.y.push_back(curve.y[i]);
    }
  }
  return few;
}

bool shows_anything(const Chart& chart) {
  return std::any_of(chart.curves.begin(), chart.curves.end(), [](const Curve& curve) {
    return std::any_of(curve.y.begin(), curve.y.end(), [](double y) { return std::isfinite(y); });
  });
}

void draw_chart(Drawing& drawing, const Chart& chart, const Area& area, const ChartStyle& style) {
  ChartLayout(drawing, chart, area, style).draw();
}

}  // namespace weft::view
