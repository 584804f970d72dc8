// SPDX-License-Identifier: Apache-2.0
// Axes, thinning and layout of charts, and drawings as SVG and as pixels.
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "weft/view/chart.h"
#include "weft/view/raster.h"
#include "weft/view/scale.h"
#include "weft/view/stroke_font.h"

namespace weft::view {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

TEST(LinearAxis, HasRoundNumbers) {
  const Axis axis = linear_axis(0.13, 0.97, 5);
  EXPECT_EQ(axis.texts, (std::vector<std::string>{"0.0", "0.2", "0.4", "0.6", "0.8", "1.0"}));
  EXPECT_EQ(axis.low, 0);
  EXPECT_EQ(axis.high, 1);
  EXPECT_EQ(linear_axis(1000, 60000, 6).texts.back(), "60k");
  EXPECT_EQ(linear_axis(0, 1e-5, 5).texts[1], "2e-6");
  EXPECT_EQ(linear_axis(0, 3.2e6, 4).texts[1], "1M");
}

TEST(LinearAxis, TakesAnyRange) {
  for (const auto& [low, high] : {std::pair{0.0, 0.0},
                                  {5.0, 5.0},
                                  {-3.0, -3.0},
                                  {-1e300, 1e300},
                                  {-1e308, 1e308},
                                  {1.0, 1.0 + 1e-15},
                                  {1e-300, 2e-300}}) {
    const Axis axis = linear_axis(low, high, 5);
    EXPECT_LT(axis.low, axis.high);
    EXPECT_GE(axis.ticks.size(), 2u) << low << " " << high;
    EXPECT_LE(axis.ticks.size(), 12u) << low << " " << high;
    EXPECT_GE(axis.share_of(low), -1e-9);
    EXPECT_LE(axis.share_of(high), 1 + 1e-9);
  }
}

TEST(LogarithmicAxis, HasPowersOfTen) {
  const Axis wide = logarithmic_axis(1.5e-7, 30, 6);
  EXPECT_TRUE(wide.logarithmic);
  EXPECT_NEAR(wide.share_of(wide.low), 0, 1e-12);
  EXPECT_NEAR(wide.share_of(wide.high), 1, 1e-12);
  for (const double tick : wide.ticks)
    EXPECT_NEAR(std::log10(tick), std::round(std::log10(tick)), 1e-9);
  const Axis narrow = logarithmic_axis(0.19, 3, 6);
  EXPECT_EQ(narrow.texts, (std::vector<std::string>{"0.1", "0.2", "0.5", "1", "2", "5"}));
  for (const double high : {1.0000001, 1.5, 3.0, 9.0, 1e3, 1e12, 1e300}) {
    const Axis axis = logarithmic_axis(1, high, 6);
    EXPECT_LE(axis.low, 1);
    EXPECT_GE(axis.high, high);
    EXPECT_LE(axis.ticks.size(), 10u) << high;
  }
}

TEST(Numbers, AreShort) {
  EXPECT_EQ(number_text(0.032149), "0.03215");
  EXPECT_EQ(number_text(1234567), "1,234,567");
  EXPECT_EQ(number_text(-12345), "-12,345");
  EXPECT_EQ(number_text(kNaN), "NaN");
  EXPECT_EQ(bytes_text(1234567), "1.23 MB");
  EXPECT_EQ(bytes_text(12), "12 bytes");
  EXPECT_EQ(seconds_text(3725), "1 h 2 min");
}

Curve noisy_curve(std::size_t points) {
  Curve curve{"noise"};
  std::mt19937 random(1);
  for (std::size_t i = 0; i < points; ++i) {
    curve.x.push_back(static_cast<double>(i));
    curve.y.push_back(static_cast<double>(random() % 1000));
  }
  return curve;
}

TEST(Thinned, KeepsPeaksEndsAndGaps) {
  Curve curve = noisy_curve(10000);
  curve.y[777] = 1e6;
  curve.y[4242] = -1e6;
  curve.y[9000] = kNaN;
  const Curve few = thinned(curve, 200);
  EXPECT_LE(few.x.size(), 200u);
  EXPECT_GE(few.x.size(), 100u);
  EXPECT_TRUE(std::is_sorted(few.x.begin(), few.x.end()));
  EXPECT_EQ(few.x.front(), 0);
  EXPECT_EQ(few.x.back(), 9999);
  EXPECT_EQ(std::count(few.y.begin(), few.y.end(), 1e6), 1);
  EXPECT_EQ(std::count(few.y.begin(), few.y.end(), -1e6), 1);
  EXPECT_EQ(std::count_if(few.y.begin(), few.y.end(), [](double y) { return std::isnan(y); }), 1);
  EXPECT_EQ(thinned(noisy_curve(50), 200).x.size(), 50u);
}

struct Box {
  double left, right, top, bottom;
};
Box box_of(const Text& text) {
  const double width = text_width(text.text, text.size), up = text.size * 0.72;
  const double along = text.anchor == Anchor::start    ? 0
                       : text.anchor == Anchor::middle ? -width / 2
                                                       : -width;
  if (text.upwards)
    return {text.at.x - up, text.at.x, text.at.y - along - width, text.at.y - along};
  return {text.at.x + along, text.at.x + along + width, text.at.y - up, text.at.y};
}

// No text leaves the drawing or lies on another one.
void expect_texts_apart(const Drawing& drawing) {
  for (std::size_t i = 0; i < drawing.texts.size(); ++i) {
    const Box a = box_of(drawing.texts[i]);
    EXPECT_GE(a.left, 0) << drawing.texts[i].text;
    EXPECT_LE(a.right, drawing.width) << drawing.texts[i].text;
    EXPECT_GE(a.top, 0) << drawing.texts[i].text;
    EXPECT_LE(a.bottom, drawing.height) << drawing.texts[i].text;
    for (std::size_t j = 0; j < i; ++j) {
      const Box b = box_of(drawing.texts[j]);
      EXPECT_FALSE(a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom)
          << drawing.texts[i].text << " lies on " << drawing.texts[j].text;
    }
  }
}

TEST(ChartLayout, KeepsTextsApart) {
  for (const double width : {240.0, 480.0, 1000.0})
    for (const double factor : {1e-7, 1.0, 123456.0})
      for (const bool logarithmic : {false, true}) {
        Chart chart{"a title", "step", "the name of the axis", logarithmic};
        for (int i = 0; i < 4; ++i) {
          chart.curves.push_back(noisy_curve(300));
          chart.curves.back().name = "run with a long name · validation " + std::to_string(i);
          for (double& x : chart.curves.back().x) x *= 1234;
          for (double& y : chart.curves.back().y) y *= factor;
        }
        Drawing drawing{width, 320};
        draw_chart(drawing, chart, {0, 0, width, 320},
                   {.title = true, .y_label = true, .legend = true});
        expect_texts_apart(drawing);
        for (const Line& line : drawing.lines)
          for (const XY& at : line.points) {
            EXPECT_TRUE(at.x >= 0 && at.x <= width && at.y >= 0 && at.y <= 320)
                << at.x << " " << at.y;
          }
      }
}

TEST(ChartLayout, ShowsGapsAndLonePoints) {
  Chart chart{"gaps"};
  chart.curves.push_back({"a", {0, 1, 2, 3, 4}, {1, 2, kNaN, 3, kNaN}});
  Drawing drawing{400, 200};
  draw_chart(drawing, chart, {0, 0, 400, 200}, {});
  EXPECT_EQ(std::count_if(drawing.lines.begin(), drawing.lines.end(),
                          [](const Line& line) { return line.colour.hex() == "#1f6feb"; }),
            1);
  EXPECT_EQ(drawing.dots.size(), 3u);
}

TEST(ChartLayout, ScattersPointsOverRatesAndNames) {
  for (const double width : {240.0, 420.0, 1000.0})
    for (const std::size_t names : {0, 1, 3, 40}) {
      Chart chart{"points", ""};
      chart.logarithmic_x = names == 0;
      for (std::size_t i = 0; i < names; ++i)
        chart.x_names.push_back("[64, 32, 16, 16] and " + std::to_string(i));
      Curve curve{"trials", {}, {}, Colour::series(0), 0, true};
      for (int i = 0; i < 40; ++i) {
        curve.x.push_back(names == 0 ? std::pow(10, i / 8.0 - 4)
                                     : i % static_cast<int>(std::max<std::size_t>(1, names)));
        curve.y.push_back(i);
      }
      chart.curves.push_back(curve);
      Drawing drawing{width, 260};
      draw_chart(drawing, chart, {0, 0, width, 260}, {});
      expect_texts_apart(drawing);
      ASSERT_EQ(drawing.dots.size(), 40u);
      // Equal factors of a rate are equal distances.
      if (names == 0) {
        EXPECT_NEAR(drawing.dots[8].at.x - drawing.dots[0].at.x,
                    drawing.dots[32].at.x - drawing.dots[24].at.x, 1e-6);
      }
      for (const Dot& dot : drawing.dots) {
        EXPECT_TRUE(dot.at.x > 0 && dot.at.x < width);
      }
    }
}

TEST(ChartLayout, TakesNothing) {
  for (const bool logarithmic : {false, true}) {
    Chart chart{"nothing", "step", "", logarithmic};
    chart.curves.push_back({"a", {1, 2}, {kNaN, -1}});
    chart.curves.push_back({"b"});
    Drawing drawing{400, 200};
    draw_chart(drawing, chart, {0, 0, 400, 200}, {.legend = true});
    expect_texts_apart(drawing);
  }
  EXPECT_FALSE(shows_anything({"empty"}));
}

TEST(Looks, TellCurvesApart) {
  for (const auto& [runs, metrics] :
       {std::pair<std::size_t, std::size_t>{1, 35}, {2, 5}, {2, 30}, {12, 1}, {12, 2}, {40, 2}}) {
    std::set<std::pair<std::string, std::string>> looks;
    for (std::size_t run = 0; run < runs; ++run)
      for (std::size_t metric = 0; metric < metrics; ++metric) {
        const CurveLook look = look_of_curve(run, runs, metric, metrics);
        looks.emplace(look.colour.hex(), dash_text(look.dash));
      }
    EXPECT_EQ(looks.size(), runs * metrics) << runs << " " << metrics;
  }
  EXPECT_EQ(look_of_curve(1, 2, 0, 3).colour.hex(), look_of_curve(1, 2, 2, 3).colour.hex());
  EXPECT_EQ(dash_text(0), "");
  EXPECT_EQ(dash_text(1), "5 3");
}

TEST(Svg, EscapesTexts) {
  Drawing drawing{100, 50};
  drawing.texts.push_back({{1, 20}, "<script>&\"'\x1b"});
  for (const std::string& svg : {to_svg_file(drawing, "a<b"), to_svg_of_page(drawing, "a<b")}) {
    EXPECT_EQ(svg.find("<script>"), std::string::npos);
    EXPECT_NE(svg.find("&lt;script&gt;&amp;&quot;&#39;\\x1b"), std::string::npos) << svg;
    EXPECT_NE(svg.find("a&lt;b"), std::string::npos);
  }
}

TEST(Raster, DrawsLinesAndTexts) {
  Drawing drawing{40, 20};
  drawing.lines.push_back({{{0, 10}, {40, 10}}, Colour::series(0), 2});
  const Pixels pixels = rasterized(drawing, 2);
  ASSERT_EQ(pixels.width, 80);
  ASSERT_EQ(pixels.height, 40);
  const auto at = [&](i64 x, i64 y) {
    return pixels.bytes[static_cast<std::size_t>((y * 80 + x) * 3)];
  };
  EXPECT_EQ(at(40, 20), 0x1f);
  EXPECT_EQ(at(40, 5), 255);
  Drawing text{40, 20};
  text.texts.push_back({{2, 15}, "8", 12});
  const Pixels drawn = rasterized(text, 1);
  EXPECT_GT(std::count_if(drawn.bytes.begin(), drawn.bytes.end(), [](u8 v) { return v < 128; }),
            20);
}

TEST(StrokeFont, HasEveryCharacterOfAscii) {
  const std::size_t box = glyph_of(0x4e00).strokes.size();
  EXPECT_EQ(box, 1u);
  for (unsigned code = '!'; code <= '~'; ++code) {
    const Glyph glyph = glyph_of(code);
    ASSERT_FALSE(glyph.strokes[0].empty()) << static_cast<char>(code);
    for (const auto& stroke : glyph.strokes)
      for (const XY& at : stroke) {
        EXPECT_TRUE(at.x >= 0 && at.x <= 4.5 && at.y >= -2 && at.y <= 6.5)
            << static_cast<char>(code) << " " << at.x << " " << at.y;
      }
  }
}

}  // namespace
}  // namespace weft::view
