// SPDX-License-Identifier: Apache-2.0
#include "weft/view/raster.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <string>

#include "weft/core/printable.h"
#include "weft/view/stroke_font.h"

namespace weft::view {
namespace {

constexpr double kCapitals = 6,
                 kCapitalShare = 0.72;  // the height of capitals, and of a font's size

class Canvas {
 public:
  Canvas(i64 width, i64 height) : pixels_{height, width, 3} {
    pixels_.bytes.assign(static_cast<std::size_t>(width * height * 3), 255);
    cover_.assign(static_cast<std::size_t>(width * height), 0);
  }

  // A line through points, all of it in one colour. Where it meets itself it is not darker.
  void stroke(const std::vector<XY>& points, double width, const Colour& colour) {
    for (std::size_t i = 0; i + 1 < std::max<std::size_t>(points.size(), 2); ++i)
      cover(points[i], points[std::min(i + 1, points.size() - 1)], width / 2);
    paint(colour);
  }

  Pixels take() { return std::move(pixels_); }

 private:
  // The share of each pixel that a line with round ends covers, by its distance from the middle.
  void cover(XY from, XY to, double radius) {
    const double reach = radius + 1, dx = to.x - from.x, dy = to.y - from.y,
                 square = dx * dx + dy * dy;
    const auto clamp_to = [](double value, i64 most) {
      return std::clamp<i64>(static_cast<i64>(value), 0, most);
    };
    const i64 left = clamp_to(std::min(from.x, to.x) - reach, pixels_.width);
    const i64 right = clamp_to(std::max(from.x, to.x) + reach + 1, pixels_.width);
    const i64 top = clamp_to(std::min(from.y, to.y) - reach, pixels_.height);
    const i64 bottom = clamp_to(std::max(from.y, to.y) + reach + 1, pixels_.height);
    for (i64 y = top; y < bottom; ++y)
      for (i64 x = left; x < right; ++x) {
        const double px = static_cast<double>(x) + 0.5 - from.x,
                     py = static_cast<double>(y) + 0.5 - from.y;
        const double share = square > 0 ? std::clamp((px * dx + py * dy) / square, 0.0, 1.0) : 0;
        const double away = std::hypot(px - share * dx, py - share * dy);
        const auto covered = static_cast<float>(std::clamp(radius + 0.5 - away, 0.0, 1.0));
        const auto at = static_cast<std::size_t>(y * pixels_.width + x);
        if (covered <= cover_[at]) continue;
        if (cover_[at] == 0) touched_.push_back(at);
        cover_[at] = covered;
      }
  }
  void paint(const Colour& colour) {
    const unsigned long rgb = std::strtoul(colour.hex().c_str() + 1, nullptr, 16);
    const std::array<double, 3> channels{static_cast<double>(rgb >> 16),
                                         static_cast<double>(rgb >> 8 & 255),
                                         static_cast<double>(rgb & 255)};
    for (const std::size_t at : touched_) {
      for (std::size_t c = 0; c < 3; ++c) {
        u8& byte = pixels_.bytes[at * 3 + c];
        byte = static_cast<u8>(std::lround(byte + (channels[c] - byte) * cover_[at]));
      }
      cover_[at] = 0;
    }
    touched_.clear();
  }

  Pixels pixels_;
  std::vector<float> cover_;  // of the stroke that is being drawn
  std::vector<std::size_t> touched_;
};

// The pieces of a dashed line.
std::vector<std::vector<XY>> dashes_of(const std::vector<XY>& points,
                                       std::span<const double> pattern, double by) {
  std::vector<std::vector<XY>> dashes;
  std::size_t part = 0;  // of the pattern; every other one is drawn
  double left = pattern[0] * by;
  if (!points.empty()) dashes.push_back({points[0]});
  for (std::size_t i = 0; i + 1 < points.size(); ++i) {
    XY at = points[i];
    for (double rest = std::hypot(points[i + 1].x - at.x, points[i + 1].y - at.y); rest > 0;) {
      const double step = std::min(rest, left);
      at = {at.x + (points[i + 1].x - at.x) * step / rest,
            at.y + (points[i + 1].y - at.y) * step / rest};
      rest -= step;
      left -= step;
      if (part % 2 == 0) dashes.back().push_back(at);
      if (left > 0) continue;
      part = (part + 1) % pattern.size();
      left = pattern[part] * by;
      if (part % 2 == 0) dashes.push_back({at});
    }
  }
  return dashes;
}

std::vector<Glyph> glyphs_of(std::string_view text) {
  std::vector<Glyph> glyphs;
  while (!text.empty()) {
    const Character next = first_character(text);
    glyphs.push_back(glyph_of(next.bytes == 0 ? '?' : next.code));
    text.remove_prefix(std::max<std::size_t>(1, next.bytes));
  }
  return glyphs;
}

void draw_text(Canvas& canvas, const Text& text, double scale) {
  const std::vector<Glyph> glyphs = glyphs_of(text.text);
  double unit = text.size * kCapitalShare / kCapitals, width = 0;
  for (const Glyph& glyph : glyphs) width += glyph.advance * unit;
  // The layout has room for text_width() and no more.
  const double room = text_width(text.text, text.size);
  const double squeeze = width > room ? room / width : 1;
  double at = text.anchor == Anchor::start    ? 0
              : text.anchor == Anchor::middle ? -width * squeeze / 2
                                              : -width * squeeze;
  for (const Glyph& glyph : glyphs) {
    for (const std::vector<XY>& stroke : glyph.strokes) {
      std::vector<XY> points;
      for (const XY& point : stroke) {
        const double along = at + point.x * unit * squeeze, up = point.y * unit;
        points.push_back(text.upwards ? XY{(text.at.x - up) * scale, (text.at.y - along) * scale}
                                      : XY{(text.at.x + along) * scale, (text.at.y - up) * scale});
      }
      if (!points.empty())
        canvas.stroke(points, text.size * scale * (text.bold ? 0.12 : 0.085), text.colour);
    }
    at += glyph.advance * unit * squeeze;
  }
}

}  // namespace

Pixels rasterized(const Drawing& drawing, i64 scale) {
  const auto by = static_cast<double>(scale);
  Canvas canvas(std::lround(drawing.width * by), std::lround(drawing.height * by));
  for (const Line& line : drawing.lines) {
    std::vector<XY> points;
    for (const XY& at : line.points) points.push_back({at.x * by, at.y * by});
    if (points.empty()) continue;
    const std::span<const double> pattern = dashes_of_pattern(line.dash);
    if (pattern.empty()) canvas.stroke(points, line.width * by, line.colour);
    else
      for (const auto& dash : dashes_of(points, pattern, by))
        canvas.stroke(dash, line.width * by, line.colour);
  }
  for (const Dot& dot : drawing.dots)
    canvas.stroke({{dot.at.x * by, dot.at.y * by}}, 2 * dot.radius * by, dot.colour);
  for (const Text& text : drawing.texts) draw_text(canvas, text, by);
  return canvas.take();
}

}  // namespace weft::view
