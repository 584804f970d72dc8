// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <limits>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/view/lr_plot.h"

namespace weft::view {
namespace {

train::LrFinding example() {
  std::vector<train::LrPoint> points;
  for (int i = 0; i < 100; ++i) {
    const double lr = 1e-5 * std::pow(1e6, i / 99.0);
    points.push_back({.lr = lr, .loss = 0.3 + 2 / (1 + lr / 1e-2) + (lr > 2 ? 1e5 * lr : 0)});
  }
  return train::suggest_lr(points);
}

i64 parts_in(const std::string& text, const std::string& part) {
  i64 count = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++count;
  return count;
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
  EXPECT_EQ(parts_in(svg, "<polyline"), 1);
  EXPECT_GT(parts_in(svg, "<circle"), 80);
  EXPECT_EQ(parts_in(svg, "nan"), 0);
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  EXPECT_TRUE(lr_svg({}, "empty").ends_with("</svg>\n"));
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
