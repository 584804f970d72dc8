// SPDX-License-Identifier: Apache-2.0
// A drawing of lines and texts in pixels, from the top left, that becomes SVG (to_svg) or a picture
// (raster.h). Charts are laid out once, on this.
#pragma once
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weft::view {

// A colour by its part in a drawing. Series have ten colours, and ramps any hue.
class Colour {
 public:
  static Colour ink() { return Colour(-1); }
  static Colour soft() { return Colour(-2); }
  static Colour grid() { return Colour(-3); }
  static Colour paper() { return Colour(-4); }
  static Colour series(std::size_t index) { return Colour(static_cast<int>(index % 10)); }
  // The colour of one of `count` neighbours in an order, such as the layers of a model.
  static Colour of_ramp(std::size_t index, std::size_t count);

  // A variable of page.css, which follows the theme of the page.
  std::string css() const;
  // As on white paper: "#1f6feb".
  std::string hex() const;

 private:
  explicit Colour(int code) : code_(code) {}
  int code_;  // 100 + hue for a ramp
};

// How lines of one colour differ: pattern 0 is drawn through, and the others are dashed. The pixels
// drawn and left out, in turn; empty for pattern 0. Patterns repeat after kDashPatterns.
constexpr std::size_t kDashPatterns = 8;
std::span<const double> dashes_of_pattern(std::size_t pattern);
// The same as an attribute of SVG: "5 3".
std::string dash_text(std::size_t pattern);

// What tells the curves of several runs in one chart apart.
struct CurveLook {
  Colour colour = Colour::series(0);
  std::size_t dash = 0;
};
// Of one of `metrics` curves of one of `runs` runs. One run has a colour for each metric, several
// have one for each run and dashes for each metric. Dashes also tell those of one colour apart.
CurveLook look_of_curve(std::size_t run, std::size_t runs, std::size_t metric, std::size_t metrics);

struct XY {
  double x = 0, y = 0;
};

struct Line {
  std::vector<XY> points;
  Colour colour = Colour::ink();
  double width = 1;
  std::size_t dash = 0;  // a pattern
};
struct Dot {
  XY at;
  double radius = 2;
  Colour colour = Colour::ink();
};
enum class Anchor { start, middle, end };
struct Text {
  XY at;  // of the baseline
  std::string text;
  double size = 12;
  Anchor anchor = Anchor::start;
  Colour colour = Colour::ink();
  bool bold = false;
  bool upwards = false;  // turned by a quarter, to be read from below
};

struct Drawing {
  double width = 0, height = 0;
  std::vector<Line> lines = {};
  std::vector<Dot> dots = {};
  std::vector<Text> texts = {};
};

// At least as wide as a common sans-serif font sets the text.
double text_width(std::string_view text, double size);

// For a page: colours follow its theme, and the size is that of the element around it.
std::string to_svg_of_page(const Drawing& drawing, std::string_view label);
// A file of its own, on white.
std::string to_svg_file(const Drawing& drawing, std::string_view label);

}  // namespace weft::view
