// SPDX-License-Identifier: Apache-2.0
// The charts of a study's report: the loss over trials and over each parameter, and the validations
// within the trials.
#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/view/report_parts.h"
#include "weft/view/study.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostTrialCurves = 60, kMostParameterCharts = 40, kMostDots = 1500;
constexpr std::size_t kMostNamedCurves = 10;  // in a legend
constexpr double kFarAbove = 20, kExploded = 1e4;

// The outcomes whose losses a chart shows. One that diverged has none, and neither has one that
// failed.
struct OutcomeLook {
  const char* outcome;
  std::size_t colour;
};
constexpr std::array kDrawnOutcomes{OutcomeLook{"complete", 0}, OutcomeLook{"pruned", 1},
                                    OutcomeLook{"stopped", 7}};
constexpr std::size_t kBestColour = 2;

// The loss that ends the y axis: twenty times the median, above which a trial has exploded and
// would press all others onto the axis. Where half of the trials or more did so, the lower quartile
// or the least loss stands for the median. A loss near 0 does not make the usual ones exploded.
double end_of_axis(std::vector<double> losses) {
  const double everything = std::numeric_limits<double>::infinity();
  std::erase_if(losses, [](double loss) { return !std::isfinite(loss); });
  if (losses.empty()) return everything;
  std::sort(losses.begin(), losses.end());
  double usual = losses[(losses.size() - 1) / 2];
  for (const double less : {losses[(losses.size() - 1) / 4], losses[0]})
    if (usual > kExploded * std::max(less, 1.0)) usual = less;
  if (losses[0] <= 0 || losses.back() <= kFarAbove * usual) return everything;
  const double digits = std::pow(10, std::floor(std::log10(kFarAbove * usual)) - 1);
  return std::ceil(kFarAbove * usual / digits) * digits;
}

// Losses that lie far apart need a logarithmic axis.
bool are_far_apart(const Chart& chart) {
  double least = std::numeric_limits<double>::infinity(), greatest = 0;
  for (const Curve& curve : chart.curves)
    for (const double loss : curve.y) {
      if (!std::isfinite(loss) || loss > chart.most_y) continue;
      least = std::min(least, loss);
      greatest = std::max(greatest, loss);
    }
  return least > 0 && greatest > 8 * least;
}

// A dot for each trial that has a loss, at x_of(trial), and the best one above all others.
template <class F>
void add_dots_of_trials(Chart& chart, const Study& study, const F& x_of) {
  for (const OutcomeLook& look : kDrawnOutcomes) {
    Curve curve{look.outcome, {}, {}, Colour::series(look.colour), 0, true};
    for (const StudyTrial& trial : study.trials) {
      const double x = x_of(trial);
      if (trial.outcome != look.outcome || !std::isfinite(trial.loss) || !std::isfinite(x))
        continue;
      curve.x.push_back(x);
      curve.y.push_back(trial.loss);
    }
    if (!curve.x.empty()) chart.curves.push_back(std::move(curve));
  }
  if (!study.best) return;
  const StudyTrial& best = study.trials[*study.best];
  if (!std::isfinite(x_of(best))) return;  // its value of this parameter is not set
  chart.curves.push_back(
      {"best", {x_of(best)}, {best.loss}, Colour::series(kBestColour), 0, true, 1.8});
}

// The least loss of the trials until then that are complete, as stairs.
Curve best_so_far(const Study& study) {
  std::vector<std::pair<i64, double>> complete;
  for (const StudyTrial& trial : study.trials)
    if (trial.outcome == "complete" && std::isfinite(trial.loss))
      complete.emplace_back(trial.number, trial.loss);
  std::sort(complete.begin(), complete.end());
  Curve curve{"best so far", {}, {}, Colour::series(kBestColour)};
  for (const auto& [number, loss] : complete) {
    const double x = static_cast<double>(number);
    if (!curve.y.empty()) {
      curve.x.push_back(x);
      curve.y.push_back(curve.y.back());
      if (loss >= curve.y.back()) continue;
    }
    curve.x.push_back(x);
    curve.y.push_back(loss);
  }
  return curve;
}

// Says what the axis does not show by itself.
void note_axis(ReportChart& one) {
  const auto add = [&](const std::string& sentence) {
    one.note += (one.note.empty() ? "" : " ") + sentence;
  };
  if (one.chart.logarithmic) add("The y axis is logarithmic.");
  const bool is_beyond =
      std::any_of(one.chart.curves.begin(), one.chart.curves.end(), [&](const Curve& curve) {
        return std::any_of(curve.y.begin(), curve.y.end(),
                           [&](double y) { return std::isfinite(y) && y > one.chart.most_y; });
      });
  if (is_beyond)
    add(fmt::format("Losses above {} are triangles at the upper edge.",
                    number_text(one.chart.most_y)));
}

ReportChart loss_over_trials(const Study& study) {
  ReportChart one{{"Validation loss of each trial", "trial"}};
  one.chart.whole_x = true;
  std::vector<double> losses;
  for (const StudyTrial& trial : study.trials) losses.push_back(trial.loss);
  one.chart.most_y = end_of_axis(losses);
  if (Curve best = best_so_far(study); !best.x.empty()) one.chart.curves.push_back(std::move(best));
  add_dots_of_trials(one.chart, study,
                     [](const StudyTrial& trial) { return static_cast<double>(trial.number); });
  one.chart.logarithmic = are_far_apart(one.chart);
  const auto diverged =
      std::count_if(study.trials.begin(), study.trials.end(),
                    [](const StudyTrial& trial) { return std::isinf(trial.loss); });
  if (diverged > 0)
    one.note = fmt::format("{} with an infinite loss {} not drawn.", counted(diverged, "trial"),
                           diverged == 1 ? "is" : "are");
  return one;
}

// `like` has the y axis of the chart.
ReportChart loss_over(const Study& study, const StudyParameter& parameter, const Chart& like) {
  const std::string key = excerpt(printable_line(parameter.key), 80);
  ReportChart one{{"Validation loss over " + key, ""}};
  one.chart.logarithmic = like.logarithmic;
  one.chart.most_y = like.most_y;
  one.chart.whole_x = parameter.kind == "int";
  one.chart.logarithmic_x = parameter.logarithmic;
  for (const std::string& choice : parameter.choices)
    one.chart.x_names.push_back(excerpt(printable_line(choice), 80));
  add_dots_of_trials(one.chart, study, [&](const StudyTrial& trial) {
    const double none = std::numeric_limits<double>::quiet_NaN();
    const auto value = trial.values.find(parameter.key);
    if (value == trial.values.end()) return none;
    if (parameter.kind != "choice") return value->second.number;
    const auto at =
        std::find(parameter.choices.begin(), parameter.choices.end(), value->second.text);
    return at == parameter.choices.end() ? none
                                         : static_cast<double>(at - parameter.choices.begin());
  });
  return one;
}

// The validations of the best trials.
ReportChart validations_of(const Study& study) {
  ReportChart one{{"Validation loss within the trials"}};
  one.chart.whole_x = true;
  std::vector<double> losses;
  std::size_t all = 0;
  for (const StudyTrial& trial : study.trials) {
    if (trial.validations.size() < 2 || ++all > kMostTrialCurves) continue;
    Curve curve{fmt::format("trial {}", trial.number)};
    for (const auto& [step, loss] : trial.validations) {
      curve.x.push_back(static_cast<double>(step));
      curve.y.push_back(loss);
      losses.push_back(loss);
    }
    one.chart.curves.push_back(std::move(curve));
  }
  const std::size_t count = one.chart.curves.size();
  for (std::size_t i = 0; i < count; ++i)
    one.chart.curves[i].colour =
        count <= kMostNamedCurves ? Colour::series(i) : Colour::of_ramp(i, count);
  one.chart.most_y = end_of_axis(losses);
  one.chart.logarithmic = are_far_apart(one.chart);
  if (all > kMostTrialCurves)
    one.note = fmt::format("The best {} of {}.", kMostTrialCurves,
                           counted(static_cast<i64>(all), "trial"));
  if (count > kMostNamedCurves)
    one.note += std::string(one.note.empty() ? "" : " ") +
                "The colours go from the best trial, blue, over green to the worst, red.";
  return one;
}

}  // namespace

std::string study_charts_html(const Study& study) {
  std::vector<ReportChart> charts{loss_over_trials(study)};
  for (const StudyParameter& parameter : study.parameters)
    if (charts.size() <= kMostParameterCharts)
      charts.push_back(loss_over(study, parameter, charts[0].chart));
  charts.push_back(validations_of(study));
  std::string figures;
  FigureLook look{.width = 420, .height = 260, .style = {.text_size = 12.5}};
  look.style.most_points = kMostDots;
  for (std::size_t i = 0; i < charts.size(); ++i) {
    if (!shows_anything(charts[i].chart)) continue;
    note_axis(charts[i]);
    look.legend = charts[i].chart.curves.size() <= kMostNamedCurves;
    figures += figure_html(charts[i], i, look);
  }
  if (figures.empty()) return "";
  std::string html =
      "<h2 id=\"losses\">Losses</h2>\n<div class=\"charts small\">\n" + figures + "</div>\n";
  if (study.parameters.size() > kMostParameterCharts)
    html += fmt::format("<p class=\"soft\">The first {} of {}.</p>\n", kMostParameterCharts,
                        counted(static_cast<i64>(study.parameters.size()), "parameter"));
  return html;
}

}  // namespace weft::view
