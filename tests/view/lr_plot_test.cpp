// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/support/count_of.h"
#include "weft/view/lr_plot.h"

namespace weft::view {
namespace {

using test_support::count_of;

train::LrFinding example() {
  std::vector<train::LrPoint> points;
  for (int i = 0; i < 100; ++i) {
    const double lr = 1e-5 * std::pow(1e6, i / 99.0);
    points.push_back({.lr = lr, .loss = 0.3 + 2 / (1 + lr / 1e-2) + (lr > 2 ? 1e5 * lr : 0)});
  }
  return train::suggest_lr(points);
}

TEST(LrPlot, ShowsTheSuggestionInText) {
  std::string text;
  for (const std::string& line : lr_text(example(), {.columns = 60, .rows = 12}))
    text += line + "\n";
  EXPECT_NE(text.find("┊"), std::string::npos) << text;
  EXPECT_NE(text.find("1e-05"), std::string::npos) << text;
  EXPECT_EQ(text.find("e+05"), std::string::npos) << "the last loss is not to scale: " << text;
  EXPECT_EQ(lr_text({}, {}), std::vector<std::string>{"no values yet"});
}

TEST(LrPlot, WritesAWholeSvg) {
  const std::string svg = lr_svg(example(), "a <run> & more");
  EXPECT_EQ(svg.find("<svg xmlns="), 0u);
  EXPECT_NE(svg.find("a &lt;run&gt; &amp; more"), std::string::npos);
  EXPECT_NE(svg.find("suggested "), std::string::npos);
  EXPECT_EQ(count_of(svg, "<polyline"), 1);
  EXPECT_GT(count_of(svg, "<circle"), 80);
  EXPECT_EQ(count_of(svg, "nan"), 0);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_TRUE(lr_svg({}, "empty").ends_with("</svg>\n"));
}

// A fall by single steps before a spike, which the smoothed curve does not reach.
TEST(LrPlot, ShowsTheLowestLossAndCutsSpikesWithAMark) {
  std::vector<train::LrPoint> points;
  for (int i = 0; i < 40; ++i)
    points.push_back({.lr = 1e-4 * std::pow(1.3, i),
                      .loss = i == 25 ? 1.43 : (i == 27 ? 95 : 2.3 + 0.01 * (i % 3))});
  const train::LrFinding finding = train::suggest_lr(points);
  std::string text;
  for (const std::string& line : lr_text(finding, {.columns = 60, .rows = 12})) text += line + "\n";
  EXPECT_NE(text.find("1.43 ┤"), std::string::npos) << text;
  const std::string svg = lr_svg(finding, "spike");
  EXPECT_EQ(count_of(svg, "<circle"), 39) << svg;
  EXPECT_EQ(count_of(svg, "\"raw cut\""), 1) << svg;
  EXPECT_EQ(count_of(svg, "cy=\"346.0\""), 0) << "the lowest lies above the axis: " << svg;
  EXPECT_EQ(count_of(lr_svg(example(), "diverged"), "\"raw cut\""), 12);
}

TEST(LrPlot, WritesOneJsonObject) {
  train::LrFinding finding = example();
  finding.points.back().loss = std::numeric_limits<double>::infinity();
  const auto json = nlohmann::json::parse(lr_json(finding));
  EXPECT_EQ(json["schema"], 1);
  EXPECT_EQ(json["points"].size(), finding.points.size());
  EXPECT_DOUBLE_EQ(json["suggestion"], *finding.suggestion);
  EXPECT_TRUE(json["points"].back()["loss"].is_null());
  EXPECT_EQ(json["reason"], finding.reason);
  EXPECT_TRUE(nlohmann::json::parse(lr_json({}))["suggestion"].is_null());
}

}  // namespace
}  // namespace weft::view
