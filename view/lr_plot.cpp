// SPDX-License-Identifier: Apache-2.0
#include "weft/view/lr_plot.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/view/page.h"
#include "weft/view/scale.h"

namespace weft::view {
namespace {

// The losses that are shown: from the lowest of all, which says how far the sweep came, to the top
// of the smoothed curve, with a margin. A single loss far above would leave a flat line of all
// others; such losses are marked at the top.
struct LossRange {
  double low = std::numeric_limits<double>::infinity(), high = -low;
};

LossRange loss_range_of(const train::LrFinding& finding) {
  LossRange range;
  for (const train::LrPoint& point : finding.points) {
    range.low = std::min(range.low, point.smoothed);
    if (std::isfinite(point.loss)) range.low = std::min(range.low, point.loss);
    range.high = std::max(range.high, point.smoothed);
  }
  const double margin = 0.1 * (range.high - range.low);
  return {range.low - margin, range.high + margin};
}

// A drawing of 720 × 400 units, whose plot has margins for the labels.
class LrDrawing {
 public:
  static constexpr double kWidth = 720, kHeight = 400, kLeft = 70, kRight = 20, kTop = 44,
                          kBottom = 54;

  explicit LrDrawing(const train::LrFinding& finding)
      : loss_(loss_range_of(finding)),
        first_(std::log10(finding.points.front().lr)),
        last_(std::max(std::log10(finding.points.back().lr), first_ + 1e-6)) {
    if (!(loss_.high > loss_.low)) loss_ = {loss_.low - 1, loss_.high + 1};
  }

  double x(double lr) const {
    return kLeft + (std::log10(lr) - first_) / (last_ - first_) * (kWidth - kLeft - kRight);
  }
  double y(double loss) const {
    const double share = (loss - loss_.low) / (loss_.high - loss_.low);
    return kHeight - kBottom - std::clamp(share, 0.0, 1.0) * (kHeight - kTop - kBottom);
  }
  bool cuts(double loss) const { return !(loss <= loss_.high); }

  std::string axes() const {
    std::string text;
    const Axis losses = linear_axis(loss_.low, loss_.high, 5, false);
    for (std::size_t i = 0; i < losses.ticks.size(); ++i) {
      const double at = y(losses.ticks[i]);
      text += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{2:.1f}\" y2=\"{1:.1f}\"/>\n"
          "<text class=\"end\" x=\"{3:.1f}\" y=\"{4:.1f}\">{5}</text>\n",
          kLeft, at, kWidth - kRight, kLeft - 8, at + 4, escaped(losses.texts[i]));
    }
    for (int decade = static_cast<int>(std::ceil(first_ - 1e-9)); decade <= last_ + 1e-9;
         ++decade) {
      const double at = x(std::pow(10, decade));
      text += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>\n"
          "<text class=\"middle\" x=\"{0:.1f}\" y=\"{3:.1f}\">{4}</text>\n",
          at, kTop, kHeight - kBottom, kHeight - kBottom + 18,
          decade < -3 || decade > 3 ? fmt::format("1e{}", decade)
                                    : fmt::format("{:g}", std::pow(10, decade)));
    }
    return text + fmt::format(
                      "<text class=\"middle\" x=\"{:.1f}\" y=\"{:.1f}\">learning rate"
                      "</text>\n<text x=\"10\" y=\"{:.1f}\">loss</text>\n",
                      (kLeft + kWidth - kRight) / 2, kHeight - 12, kTop - 8);
  }

 private:
  LossRange loss_;
  double first_, last_;  // log10 of the rates
};

nlohmann::ordered_json json_number(double value) {
  return std::isfinite(value) ? nlohmann::ordered_json(value) : nullptr;
}
nlohmann::ordered_json json_number(const std::optional<double>& value) {
  return value ? json_number(*value) : nullptr;
}

constexpr const char* kLrStyle =
    "<style>\n"
    "svg { background: #fff; color: #1f2328; }\n"
    "text { font: 12px system-ui, sans-serif; fill: currentColor; }\n"
    ".end { text-anchor: end; } .middle { text-anchor: middle; }\n"
    ".title { font-weight: 600; font-size: 13px; }\n"
    ".grid { stroke: currentColor; stroke-opacity: 0.15; }\n"
    ".raw { fill: currentColor; fill-opacity: 0.35; }\n"
    ".curve { fill: none; stroke: #0969da; stroke-width: 2; }\n"
    ".mark { stroke: #bc4c00; stroke-width: 1.5; stroke-dasharray: 4 3; }\n"
    ".marked { fill: #bc4c00; }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "  svg { background: #0d1117; color: #e6edf3; }\n"
    "  .curve { stroke: #58a6ff; } .mark { stroke: #ffa657; } .marked { fill: #ffa657; }\n"
    "}\n"
    "</style>\n";

}  // namespace

std::vector<std::string> lr_text(const train::LrFinding& finding, TextPlotOptions options) {
  const LossRange range = loss_range_of(finding);
  TextCurve raw{.name = "loss", .dots = true, .faint = true}, smoothed{.name = "smoothed"};
  for (const train::LrPoint& point : finding.points) {
    if (std::isfinite(point.loss))  // a loss above the picture is a dot at its top
      raw.points.emplace_back(point.lr, std::min(point.loss, range.high));
    smoothed.points.emplace_back(point.lr, point.smoothed);
  }
  options.log_x = true;
  if (finding.suggestion) options.marks = {*finding.suggestion};
  return text_plot({raw, smoothed}, options);
}

std::string lr_svg(const train::LrFinding& finding, const std::string& title) {
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {:.0f} {:.0f}\" role=\"img\">\n{}"
      "<title>{}</title>\n<text class=\"title\" x=\"10\" y=\"20\">{}</text>\n",
      LrDrawing::kWidth, LrDrawing::kHeight, kLrStyle, escaped(title), escaped(title));
  if (finding.points.empty()) return text + "</svg>\n";
  const LrDrawing drawing(finding);
  text += drawing.axes();
  std::string curve;
  for (const train::LrPoint& point : finding.points) {
    if (drawing.cuts(point.loss))  // a mark that points up, at the top
      text += fmt::format("<path class=\"raw cut\" d=\"M{:.1f} {:.1f}l4 7h-8z\"/>\n",
                          drawing.x(point.lr), LrDrawing::kTop);
    else
      text += fmt::format("<circle class=\"raw\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"1.6\"/>\n",
                          drawing.x(point.lr), drawing.y(point.loss));
    curve += fmt::format("{:.1f},{:.1f} ", drawing.x(point.lr), drawing.y(point.smoothed));
  }
  text += fmt::format("<polyline class=\"curve\" points=\"{}\"/>\n", curve);
  if (finding.suggestion) {
    const double at = drawing.x(*finding.suggestion);
    const bool left = at > LrDrawing::kWidth / 2;  // of the line is more room there
    text += fmt::format(
        "<line class=\"mark\" x1=\"{0:.1f}\" y1=\"{1:.1f}\" x2=\"{0:.1f}\" y2=\"{2:.1f}\"/>\n"
        "<text class=\"marked{3}\" x=\"{4:.1f}\" y=\"{5:.1f}\">suggested {6:.2g}</text>\n",
        at, LrDrawing::kTop, LrDrawing::kHeight - LrDrawing::kBottom, left ? " end" : "",
        at + (left ? -6 : 6), LrDrawing::kTop + 14, *finding.suggestion);
  }
  return text + "</svg>\n";
}

std::string lr_json(const train::LrFinding& finding) {
  nlohmann::ordered_json points = nlohmann::ordered_json::array();
  for (const train::LrPoint& point : finding.points)
    points.push_back({{"lr", point.lr},
                      {"loss", json_number(point.loss)},
                      {"smoothed", json_number(point.smoothed)}});
  return nlohmann::ordered_json{{"schema", 1},
                                {"suggestion", json_number(finding.suggestion)},
                                {"reason", finding.reason},
                                {"steepest", json_number(finding.steepest)},
                                {"diverged_at", json_number(finding.diverged_at)},
                                {"skipped_steps", finding.skipped},
                                {"ended", finding.ended},
                                {"points", points}}
      .dump();
}

}  // namespace weft::view
