// SPDX-License-Identifier: Apache-2.0
#include "weft/view/drawing.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/view/page.h"

namespace weft::view {
namespace {

constexpr std::array kSeriesColours{"#1f6feb", "#d1570c", "#1a7f37", "#a626a4", "#9a6700",
                                    "#c0392b", "#0b7c8c", "#5b616e", "#7048e8", "#b0276b"};
constexpr std::array kPartColours{"#1b2330", "#586274", "#d9dee6", "#ffffff"};
constexpr std::array kPartVariables{"var(--ink)", "var(--soft)", "var(--line)", "var(--paper)"};
constexpr int kRamp = 100;
constexpr double kSaturation = 0.62, kLightness = 0.47;

// One channel of a colour from its hue.
int channel_of_hue(double n, double hue) {
  const double k = std::fmod(n + hue / 30, 12),
               a = kSaturation * std::min(kLightness, 1 - kLightness);
  const double value = kLightness - a * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
  return static_cast<int>(std::lround(255 * value));
}

std::string dash_attribute(std::size_t pattern) {
  const std::string dashes = dash_text(pattern);
  return dashes.empty() ? "" : " stroke-dasharray=\"" + dashes + "\"";
}

class SvgWriter {
 public:
  explicit SvgWriter(bool of_page) : of_page_(of_page) {}

  std::string write(const Drawing& drawing) {
    for (const Line& line : drawing.lines) add(line);
    for (const Dot& dot : drawing.dots)
      put("<circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.1f}\" {}/>\n", dot.at.x, dot.at.y, dot.radius,
          paint("fill", dot.colour));
    for (const Text& text : drawing.texts) add(text);
    return std::move(out_);
  }

 private:
  template <class... A>
  void put(fmt::format_string<A...> format, A&&... args) {
    fmt::format_to(std::back_inserter(out_), format, std::forward<A>(args)...);
  }
  // An attribute cannot hold a variable, a style can.
  std::string paint(const char* what, const Colour& colour) const {
    return of_page_ ? fmt::format("style=\"{}:{}\"", what, colour.css())
                    : fmt::format("{}=\"{}\"", what, colour.hex());
  }
  void add(const Line& line) {
    put("<path d=\"");
    XY last{};
    for (std::size_t i = 0; i < line.points.size(); ++i) {  // relative, because that is shorter
      const XY at{std::round(line.points[i].x * 10) / 10, std::round(line.points[i].y * 10) / 10};
      if (i == 0) put("M{:g} {:g}", at.x, at.y);
      else put("l{:.4g} {:.4g}", at.x - last.x, at.y - last.y);
      last = at;
    }
    put("\" fill=\"none\" stroke-width=\"{:g}\"{} {}/>\n", line.width, dash_attribute(line.dash),
        paint("stroke", line.colour));
  }
  void add(const Text& text) {
    constexpr std::array kAnchors{"start", "middle", "end"};
    put("<text x=\"{:.1f}\" y=\"{:.1f}\" font-size=\"{:g}\"", text.at.x, text.at.y, text.size);
    if (text.anchor != Anchor::start)
      put(" text-anchor=\"{}\"", kAnchors[static_cast<std::size_t>(text.anchor)]);
    if (text.bold) put(" font-weight=\"600\"");
    if (text.upwards) put(" transform=\"rotate(-90 {:.1f} {:.1f})\"", text.at.x, text.at.y);
    put(" {}>{}</text>\n", paint("fill", text.colour), escaped(text.text));
  }

  bool of_page_;
  std::string out_;
};

}  // namespace

Colour Colour::of_ramp(std::size_t index, std::size_t count) {
  // From blue over green to red: 260 to 0 degrees.
  const double share = count > 1 ? static_cast<double>(index) / static_cast<double>(count - 1) : 0;
  return Colour(kRamp + static_cast<int>(std::lround(260 * (1 - share))));
}

std::string Colour::css() const {
  if (code_ >= kRamp)
    return fmt::format("hsl({} {:.0f}% {:.0f}%)", code_ - kRamp, 100 * kSaturation,
                       100 * kLightness);
  if (code_ >= 0) return fmt::format("var(--s{})", code_);
  return kPartVariables[static_cast<std::size_t>(-1 - code_)];
}

std::string Colour::hex() const {
  if (code_ >= kRamp) {
    const double hue = code_ - kRamp;
    return fmt::format("#{:02x}{:02x}{:02x}", channel_of_hue(0, hue), channel_of_hue(8, hue),
                       channel_of_hue(4, hue));
  }
  if (code_ >= 0) return kSeriesColours[static_cast<std::size_t>(code_)];
  return kPartColours[static_cast<std::size_t>(-1 - code_)];
}

std::span<const double> dashes_of_pattern(std::size_t pattern) {
  static const std::array<std::vector<double>, kDashPatterns> patterns{{{},
                                                                        {5, 3},
                                                                        {1.5, 2.5},
                                                                        {9, 3, 1.5, 3},
                                                                        {11, 4},
                                                                        {9, 3, 1.5, 3, 1.5, 3},
                                                                        {2, 6},
                                                                        {5, 2, 5, 7}}};
  return patterns[pattern % kDashPatterns];
}

std::string dash_text(std::size_t pattern) {
  const std::span<const double> dashes = dashes_of_pattern(pattern);
  return fmt::format("{:g}", fmt::join(dashes.begin(), dashes.end(), " "));
}

CurveLook look_of_curve(std::size_t run, std::size_t runs, std::size_t metric,
                        std::size_t metrics) {
  constexpr std::size_t kColours = 10;
  if (runs == 1) return {Colour::series(metric), metric / kColours};
  const std::size_t bands = (runs + kColours - 1) / kColours;  // runs of one colour
  if (bands * metrics <= kDashPatterns)
    return {Colour::series(run), metric + metrics * (run / kColours)};
  const std::size_t index = run * metrics + metric;
  return {Colour::series(index), index / kColours};
}

double text_width(std::string_view text, double size) {
  double width = 0;
  while (!text.empty()) {
    const Character next = first_character(text);
    const char c = next.bytes == 1 ? text[0] : '\0';
    if (c != '\0' && std::string_view("iljtfrI.,:;|!'()[]/ ").find(c) != std::string_view::npos)
      width += 0.42;
    else if (c != '\0' && std::string_view("mwMW@%").find(c) != std::string_view::npos)
      width += 0.98;
    else width += next.code >= 0x1100 ? 1.05 : c >= 'A' && c <= 'Z' ? 0.76 : 0.645;
    text.remove_prefix(std::max<std::size_t>(1, next.bytes));
  }
  return width * size;
}

std::string to_svg_of_page(const Drawing& drawing, std::string_view label) {
  return fmt::format(
             "<svg viewBox=\"0 0 {:g} {:g}\" role=\"img\" aria-label=\"{}\" stroke-linejoin=\"round\">\n",
             drawing.width, drawing.height, escaped(label)) +
         SvgWriter(true).write(drawing) + "</svg>\n";
}

std::string to_svg_file(const Drawing& drawing, std::string_view label) {
  return fmt::format(
             "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:g}\" height=\"{1:g}\" "
             "viewBox=\"0 0 {0:g} {1:g}\" role=\"img\" aria-label=\"{2}\" stroke-linejoin=\"round\" "
             "font-family=\"Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif\">\n"
             "<title>{2}</title>\n<rect width=\"{0:g}\" height=\"{1:g}\" fill=\"#ffffff\"/>\n",
             drawing.width, drawing.height, escaped(label)) +
         SvgWriter(false).write(drawing) + "</svg>\n";
}

}  // namespace weft::view
