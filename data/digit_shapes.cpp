// SPDX-License-Identifier: Apache-2.0
#include "weft/data/digit_shapes.h"

#include <array>
#include <cmath>
#include <cstddef>
#include <sstream>
#include <string>

namespace weft::data {
namespace {

// In hundredths; strokes of one way to write a digit are separated by semicolons.
const std::array<std::vector<const char*>, 10> kShapes{{
    // 0: an oval, a narrow one, one whose ends cross at the top
    {"curve 50,0 22,17 14,50 22,83 50,100 78,83 86,50 78,17 50,0",
     "curve 55,0 33,20 26,55 32,87 48,100 66,84 74,50 70,15 55,0",
     "curve 66,10 42,2 20,25 13,60 27,92 55,98 80,75 86,40 72,12 46,10"},
    // 1: a stroke, one with a flag, one with a foot too
    {"lines 50,0 50,100", "lines 28,26 56,0 56,100",
     "lines 30,22 52,0 52,100; lines 25,100 79,100"},
    // 2: a round head on a flat foot, one with a loop, an angular one
    {"curve 17,25 30,5 55,0 78,13 80,36 60,62 15,100; lines 15,100 88,100",
     "curve 20,20 42,1 72,8 76,35 52,70 25,96 13,90 25,78 50,88 70,98 90,88",
     "lines 18,12 45,0 76,10 78,34 16,100 84,97"},
    // 3: two bowls, a flat head, two bowls that meet in a loop
    {"curve 20,12 45,0 74,10 74,33 42,47; curve 42,47 74,55 82,78 58,98 30,98 14,84",
     "lines 20,2 80,2 46,40; curve 46,40 74,47 84,70 68,93 40,100 15,88",
     "curve 22,10 50,0 75,14 68,36 46,49 36,46 44,41 70,54 82,76 60,98 20,90"},
    // 4: open at the top, closed, with a round arm
    {"lines 28,0 15,55 86,55; lines 68,12 64,100", "lines 64,100 64,0 10,66 88,66",
     "curve 22,5 17,36 30,52 56,52 76,40; lines 80,3 70,100"},
    // 5: a corner and a bowl, with the bar drawn last, in one sweep
    {"lines 80,0 28,0 24,43; curve 24,43 52,36 80,52 80,80 52,100 16,90",
     "curve 30,8 27,42 50,40 76,56 74,83 50,99 18,95; lines 30,6 86,0",
     "curve 82,6 52,1 26,14 32,40 62,52 78,72 64,95 36,100 16,86"},
    // 6: a long back and a bowl, a straight back, a round one
    {"curve 70,0 40,20 20,55 22,85 48,100 76,88 78,64 54,52 22,70",
     "lines 64,0 22,62; curve 50,48 22,62 22,86 50,100 78,86 78,62 50,48",
     "curve 80,14 60,0 32,12 17,45 20,82 46,100 75,86 74,60 48,46 20,62"},
    // 7: plain, crossed, with a hook and a bent leg
    {"lines 14,2 84,2 40,100", "lines 16,3 84,3 42,100; lines 32,50 80,50",
     "lines 17,18 19,3 82,3; curve 82,3 60,40 48,70 46,100"},
    // 8: one crossing line, two rings, a slim one
    {"curve 76,12 50,0 24,14 32,38 66,60 80,82 50,100 20,82 34,60 68,37 76,12",
     "curve 50,0 27,10 27,34 50,45 73,34 73,10 50,0; curve 50,45 20,58 18,86 50,100 82,86 "
     "80,58 50,45",
     "curve 68,10 52,0 34,12 40,38 60,60 68,84 50,100 31,86 40,62 60,38 68,10"},
    // 9: a ring and a straight leg, a bent leg, an upside-down 6
    {"curve 78,14 50,0 22,14 22,38 48,50 74,38 78,14; lines 78,10 74,100",
     "curve 78,30 50,52 22,38 24,12 52,0 78,14 80,45 68,84 40,100 20,90",
     "curve 50,0 22,14 22,38 50,52 78,38 78,14 50,0; lines 78,34 42,100"},
}};

constexpr int kPiecesPerSpan = 5;
constexpr double kLinePiece = 0.125;  // longest piece of a straight line

// The Catmull-Rom spline through the points; closed when the last point is the first again.
Stroke curve(const std::vector<Point>& points) {
  const auto count = static_cast<std::ptrdiff_t>(points.size());
  const bool closed = points.front().x == points.back().x && points.front().y == points.back().y;
  const auto at = [&](std::ptrdiff_t i) {
    if (i < 0) return points[static_cast<std::size_t>(closed ? count - 2 : 0)];
    if (i >= count) return points[static_cast<std::size_t>(closed ? 1 : count - 1)];
    return points[static_cast<std::size_t>(i)];
  };
  Stroke stroke{points.front()};
  for (std::ptrdiff_t i = 0; i + 1 < count; ++i) {
    const Point a = at(i - 1), b = at(i), c = at(i + 1), d = at(i + 2);
    for (int piece = 1; piece <= kPiecesPerSpan; ++piece) {
      const double t = static_cast<double>(piece) / kPiecesPerSpan;
      const auto blend = [t](double p, double q, double r, double s) {
        return 0.5 *
               (2 * q + t * (r - p + t * (2 * p - 5 * q + 4 * r - s + t * (3 * (q - r) + s - p))));
      };
      stroke.push_back({blend(a.x, b.x, c.x, d.x), blend(a.y, b.y, c.y, d.y)});
    }
  }
  return stroke;
}

Stroke lines(const std::vector<Point>& points) {
  Stroke stroke{points.front()};
  for (std::size_t i = 1; i < points.size(); ++i) {
    const Point from = points[i - 1], to = points[i];
    const int pieces =
        static_cast<int>(std::ceil(std::hypot(to.x - from.x, to.y - from.y) / kLinePiece));
    for (int piece = 1; piece <= pieces; ++piece) {
      const double t = static_cast<double>(piece) / pieces;
      stroke.push_back({from.x + t * (to.x - from.x), from.y + t * (to.y - from.y)});
    }
  }
  return stroke;
}

DigitShape shape_of(const std::string& text) {
  DigitShape shape;
  std::istringstream strokes(text);
  for (std::string stroke; std::getline(strokes, stroke, ';');) {
    std::istringstream words(stroke);
    std::string kind;
    words >> kind;
    std::vector<Point> points;
    char comma = 0;
    for (Point p{}; words >> p.x >> comma >> p.y;) points.push_back({p.x / 100, p.y / 100});
    shape.push_back(kind == "curve" ? curve(points) : lines(points));
  }
  return shape;
}

std::array<std::vector<DigitShape>, 10> all_shapes() {
  std::array<std::vector<DigitShape>, 10> shapes;
  for (std::size_t digit = 0; digit < shapes.size(); ++digit)
    for (const char* text : kShapes[digit]) shapes[digit].push_back(shape_of(text));
  return shapes;
}

}  // namespace

const std::vector<DigitShape>& digit_shapes(int digit) {
  static const auto shapes = all_shapes();
  return shapes[static_cast<std::size_t>(digit)];
}

}  // namespace weft::data
