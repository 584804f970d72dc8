// SPDX-License-Identifier: Apache-2.0
#include "weft/view/plot.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/glob.h"
#include "weft/core/log.h"
#include "weft/core/nearest.h"
#include "weft/core/printable.h"
#include "weft/view/chart.h"
#include "weft/view/page.h"
#include "weft/view/pixels.h"
#include "weft/view/raster.h"
#include "weft/view/run_record.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostPanels = 12, kMostPlotRuns = 40, kMostPlotCurves = 100;
constexpr double kPanelWidth = 480, kPanelHeight = 340, kMargin = 16;

// A panel is one kind of metric. Those of splits share one: "loss" of train/loss and
// validation/loss. Other series share one with what has the same beginning: the norms of layers.
struct PanelOfSeries {
  std::string panel, curve;
};
PanelOfSeries panel_of(const std::string& series) {
  const std::size_t slash = series.rfind('/');
  if (slash == std::string::npos) return {series, series};
  const std::string before = series.substr(0, slash), behind = series.substr(slash + 1);
  if (before == "train" || before == "validation" || before == "step") return {behind, before};
  return {before, behind};
}

// The chosen series, in the order of the choice.
std::vector<std::string> chosen_series(const std::vector<RunRecord>& runs,
                                       const std::vector<std::string>& wanted) {
  std::set<std::string> known;
  for (const RunRecord& run : runs)
    for (const auto& [name, series] : run.history.series()) known.insert(name);
  const std::vector<std::string> names(known.begin(), known.end());
  WEFT_CHECK(!names.empty(), "plot: the runs have no metrics yet; a run with an epoch is required");
  std::vector<std::string> chosen;
  for (const std::string& pattern : wanted) {
    const std::size_t before = chosen.size();
    bool matched = false;
    for (const std::string& name : names) {
      if (!glob_matches(pattern, name)) continue;
      matched = true;
      if (std::find(chosen.begin(), chosen.end(), name) == chosen.end()) chosen.push_back(name);
    }
    WEFT_CHECK(matched, "plot: --metrics has '{}'; known: {}{}", pattern, listed(names),
               did_you_mean(pattern, names));
    WEFT_CHECK(chosen.size() <= before + kMostPlotCurves,
               "plot: '{}' stands for {} metrics; at most {} are required", pattern,
               chosen.size() - before, kMostPlotCurves);
  }
  return chosen;
}

// Without a choice: what was measured in validations and in training, the loss first.
std::vector<std::string> usual_metrics(const std::vector<RunRecord>& runs) {
  std::vector<std::string> usual;
  for (const char* const pattern : {"validation/loss", "train/loss", "validation/*", "train/*"})
    if (std::any_of(runs.begin(), runs.end(), [&](const RunRecord& run) {
          return std::any_of(run.history.series().begin(), run.history.series().end(),
                             [&](const auto& each) { return glob_matches(pattern, each.first); });
        }))
      usual.push_back(pattern);
  if (usual.empty()) usual.push_back("*");
  return usual;
}

Curve plotted(const RunRecord& run, const std::string& series, PlotAxis axis) {
  Curve curve;
  for (const Point& point : run.history.series(series)) {
    curve.x.push_back(axis == PlotAxis::epoch ? run.history.epoch_of(point.step)
                                              : static_cast<double>(point.step));
    curve.y.push_back(point.value);
  }
  return curve;
}

// The run and the metric of each curve of a panel, by which the curves get their looks.
struct PlacesOfCurves {
  std::vector<std::pair<std::size_t, std::size_t>> of_curves = {};
  std::size_t metrics = 0;
};

std::vector<Chart> panels_of(const std::vector<RunRecord>& runs, const PlotOptions& options) {
  std::vector<Chart> panels;
  std::vector<PlacesOfCurves> places;  // of each panel
  const auto chosen =
      chosen_series(runs, options.metrics.empty() ? usual_metrics(runs) : options.metrics);
  for (const std::string& series : chosen) {
    const PanelOfSeries place = panel_of(series);
    auto panel = std::find_if(panels.begin(), panels.end(),
                              [&](const Chart& each) { return each.y_label == place.panel; });
    if (panel == panels.end()) {
      panels.push_back(
          {.x_label = options.x == PlotAxis::epoch ? "epoch" : "step", .y_label = place.panel});
      panel = std::prev(panels.end());
      panel->logarithmic = place.panel == "gradients/norm";
    }
    const auto at = static_cast<std::size_t>(panel - panels.begin());
    places.resize(panels.size());
    const std::size_t metric = places[at].metrics++;
    for (std::size_t run = 0; run < runs.size(); ++run) {
      if (runs[run].history.series(series).empty()) continue;
      Curve curve = plotted(runs[run], series, options.x);
      curve.name =
          printable_line(runs.size() > 1 ? runs[run].name + " · " + place.curve : place.curve);
      places[at].of_curves.emplace_back(run, metric);
      panel->curves.push_back(std::move(curve));
    }
  }
  for (std::size_t i = 0; i < panels.size(); ++i)
    for (std::size_t k = 0; k < panels[i].curves.size(); ++k) {
      const auto [run, metric] = places[i].of_curves[k];
      const CurveLook look = look_of_curve(run, runs.size(), metric, places[i].metrics);
      panels[i].curves[k].colour = look.colour;
      panels[i].curves[k].dash = look.dash;
    }
  WEFT_CHECK(panels.size() <= kMostPanels,
             "plot: {} charts would be drawn; at most {} are required, by --metrics", panels.size(),
             kMostPanels);
  return panels;
}

}  // namespace

Drawing plot_of(const std::vector<std::string>& dirs, const PlotOptions& options) {
  WEFT_CHECK(!dirs.empty() && dirs.size() <= kMostPlotRuns,
             "plot: {} runs given; 1 to {} are required", dirs.size(), kMostPlotRuns);
  std::vector<RunRecord> runs;
  for (const std::string& dir : dirs) runs.push_back({History(dir)});
  name_runs(runs);
  for (const RunRecord& run : runs)
    if (const std::string note = damage_note(run.history); !note.empty())
      log_warning("plot: {}: {}", run.name, note);
  const std::vector<Chart> panels = panels_of(runs, options);
  const std::size_t columns = panels.size() > 1 ? 2 : 1,
                    rows = (panels.size() + columns - 1) / columns;
  // A legend with many names makes its panel higher.
  std::size_t most_names = 0;
  for (const Chart& panel : panels) most_names = std::max(most_names, panel.curves.size());
  const std::size_t legend_rows = std::min<std::size_t>(most_names, 40) / 2;
  const double height = kPanelHeight + 18.0 * static_cast<double>(legend_rows);
  Drawing drawing{kMargin + static_cast<double>(columns) * (kPanelWidth + kMargin),
                  kMargin + static_cast<double>(rows) * (height + kMargin)};
  for (std::size_t i = 0; i < panels.size(); ++i) {
    const std::size_t row = i / columns, column = i % columns;
    const Area area{kMargin + static_cast<double>(column) * (kPanelWidth + kMargin),
                    kMargin + static_cast<double>(row) * (height + kMargin), kPanelWidth, height};
    draw_chart(drawing, panels[i], area,
               {.y_label = true,
                .legend = panels[i].curves.size() > 1 || runs.size() > 1,
                .most_points = 1000});
  }
  return drawing;
}

void write_plot(const std::string& file, const Drawing& plot) {
  const std::string ending = std::filesystem::path(file).extension().string();
  WEFT_CHECK(ending == ".svg" || ending == ".png",
             "plot: --out {} has the ending '{}'; .svg or .png is required", printable_line(file),
             printable_line(ending));
  write_output(file, ending == ".svg" ? to_svg_file(plot, "metrics of runs")
                                      : data::png_of(rasterized(plot, 2)));
}

}  // namespace weft::view
