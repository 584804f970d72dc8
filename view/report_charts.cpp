// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/printable.h"
#include "weft/view/report_parts.h"

namespace weft::view {
namespace {

// A page of many curves has fewer points of each, so that its size stays in bounds.
constexpr std::size_t kPointsOfScript = 22000, kPointsOfPicture = 9000;
constexpr std::size_t kMostCurves = 120, kMostOtherCharts = 20, kMostEnds = 400;

Curve curve_of(const Series& series, std::string name) {
  Curve curve{std::move(name)};
  for (const Point& point : series) {
    curve.x.push_back(static_cast<double>(point.step));
    curve.y.push_back(point.value);
  }
  return curve;
}

// The seconds of each epoch, from those since the run began.
Series differences_of(const Series& series) {
  Series result;
  double before = 0;
  for (const Point& point : series) {
    result.push_back({point.step, point.value - before});
    before = point.value;
  }
  return result;
}

// A series, the name of its curve, and the series that stands in for it in a run without it.
struct CurveKey {
  std::string key, name, otherwise = {};
};

class ChartList {
 public:
  explicit ChartList(const ReportedRuns& runs) : runs_(runs) {}

  // A chart of these series of each run.
  void add(const std::string& title, const std::vector<CurveKey>& keys, bool logarithmic = false,
           const std::function<Series(const Series&)>& change = {}) {
    ReportChart one{{title}};
    one.chart.logarithmic = logarithmic;
    for (std::size_t run = 0; run < runs_.size(); ++run)
      for (std::size_t k = 0; k < keys.size(); ++k) {
        const History& history = runs_[run].record.history;
        const bool has_first = !history.series(keys[k].key).empty();
        const Series& series = history.series(has_first ? keys[k].key : keys[k].otherwise);
        if (series.empty()) continue;
        std::string name = keys[k].name;
        if (runs_.size() > 1) name = runs_[run].record.name + (keys.size() > 1 ? " · " + name : "");
        Curve curve = curve_of(change ? change(series) : series, std::move(name));
        const CurveLook look = look_of_curve(run, runs_.size(), k, keys.size());
        curve.colour = look.colour;
        curve.dash = look.dash;
        one.chart.curves.push_back(std::move(curve));
        one.runs.push_back(run);
      }
    put(std::move(one));
  }

  // A chart for each run of all its series that begin with `prefix`.
  void add_each(const std::string& title, const std::string& prefix, bool logarithmic) {
    for (std::size_t run = 0; run < runs_.size(); ++run) {
      ReportChart one{{runs_.size() > 1 ? title + ": " + runs_[run].record.name : title}};
      one.chart.logarithmic = logarithmic;
      const auto& series = runs_[run].record.history.series();
      std::size_t all = 0;
      for (auto at = series.lower_bound(prefix);
           at != series.end() && at->first.starts_with(prefix); ++at) {
        if (++all > kMostCurves) continue;
        one.chart.curves.push_back(
            curve_of(at->second, printable_line(at->first.substr(prefix.size()))));
        one.runs.push_back(run);
      }
      if (all > kMostCurves)
        one.note = fmt::format("The first {} of {}.", kMostCurves,
                               counted(static_cast<i64>(all), "curve"));
      const std::size_t count = one.chart.curves.size();
      for (std::size_t i = 0; i < count; ++i)
        one.chart.curves[i].colour = count <= 10 ? Colour::series(i) : Colour::of_ramp(i, count);
      put(std::move(one));
    }
  }

  std::vector<ReportChart> take() { return std::move(charts_); }

 private:
  void put(ReportChart one) {
    if (shows_anything(one.chart)) charts_.push_back(std::move(one));
  }
  const ReportedRuns& runs_;
  std::vector<ReportChart> charts_;
};

// The names behind "validation/" and "train/", without the loss.
std::set<std::string> metrics_in(const ReportedRuns& runs) {
  std::set<std::string> names;
  for (const ReportedRun& run : runs)
    for (const auto& [key, series] : run.record.history.series())
      for (const std::string prefix : {"validation/", "train/"})
        if (key.starts_with(prefix) && key != prefix + "loss")
          names.insert(key.substr(prefix.size()));
  return names;
}

// The events of callbacks that have no chart of their own above.
std::set<std::string> other_events(const ReportedRuns& runs) {
  std::set<std::string> events;
  for (const ReportedRun& run : runs)
    for (const auto& [key, series] : run.record.history.series()) {
      const std::string event = key.substr(0, key.find('/'));
      if (event.size() == key.size() || event == "train" || event == "validation" ||
          event == "step" || event == "gradients" || events.size() >= kMostOtherCharts)
        continue;
      events.insert(event);
    }
  return events;
}

bool any_value(const ReportedRuns& runs, const std::string& key) {
  return std::any_of(runs.begin(), runs.end(), [&](const ReportedRun& run) {
    const Series& series = run.record.history.series(key);
    return std::any_of(series.begin(), series.end(),
                       [](const Point& point) { return point.value != 0; });
  });
}

std::size_t points_of_each(const std::vector<ReportChart>& charts, std::size_t all,
                           std::size_t least, std::size_t most) {
  std::size_t curves = 0;
  for (const ReportChart& one : charts) curves += one.chart.curves.size();
  return std::clamp(all / std::max<std::size_t>(1, curves), least, most);
}

// The key of a curve: a line as it is drawn, or a dot.
std::string curve_key_html(const Curve& curve) {
  if (curve.scattered)
    return fmt::format("<circle cx=\"13.5\" cy=\"3\" r=\"3\" style=\"fill:{}\"/>",
                       curve.colour.css());
  return fmt::format(
      "<path d=\"M0 3h27\" stroke-width=\"3\" stroke-dasharray=\"{}\" style=\"stroke:{}\"/>",
      curve.dash == 0 ? "none" : dash_text(curve.dash), curve.colour.css());
}

std::string legend_html(const ReportChart& one) {
  std::string html = "<div class=\"legend\">";
  for (std::size_t i = 0; i < one.chart.curves.size(); ++i)
    html += fmt::format(
        "<span data-curve=\"{}\"><svg viewBox=\"0 0 27 6\" aria-hidden=\"true\">{}</svg>{}</span>",
        i, curve_key_html(one.chart.curves[i]), escaped(one.chart.curves[i].name));
  return html + "</div>";
}

// Five digits of a number are more than a chart shows. JSON has no NaN.
void put_numbers(std::string& json, const char* key, const std::vector<double>& numbers,
                 int digits) {
  fmt::format_to(std::back_inserter(json), ",\"{}\":[", key);
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    if (i > 0) json += ',';
    if (std::isfinite(numbers[i]))
      fmt::format_to(std::back_inserter(json), "{:.{}g}", numbers[i], digits);
    else json += "null";
  }
  json += ']';
}

std::string json_text(const std::string& text) {
  return nlohmann::json(printable_line(text)).dump();
}

// How steps become epochs, as [step, epoch] at the ends of epochs.
std::string ends_json(const History& history) {
  const Series& epochs = history.series("samples");  // which every event of an epoch has
  std::string json;
  const std::size_t stride = epochs.size() / kMostEnds + 1;
  for (std::size_t i = 0; i < epochs.size(); ++i)
    if ((i + 1) % stride == 0 || i + 1 == epochs.size())
      json += fmt::format("{}[{},{:.6g}]", json.empty() ? "" : ",", epochs[i].step,
                          history.epoch_of(epochs[i].step));
  return "[" + json + "]";
}

}  // namespace

std::vector<ReportChart> charts_of(const ReportedRuns& runs) {
  ChartList list(runs);
  list.add("Loss", {{"validation/loss", "validation"}, {"train/loss", "training"}});
  list.add("Loss of logged steps", {{"step/loss", "step"}});
  for (const std::string& metric : metrics_in(runs))
    list.add(printable_line(metric),
             {{"validation/" + metric, "validation"}, {"train/" + metric, "training"}});
  list.add("Learning rate", {{"step/lr", "learning rate", "lr"}});
  list.add("Samples per second of training", {{"samples_per_second", "samples/s"}});
  list.add("Seconds of each epoch, with validation", {{"seconds", "seconds"}}, false,
           differences_of);
  if (any_value(runs, "step/scale")) list.add("Loss scale", {{"step/scale", "scale"}}, true);
  if (any_value(runs, "skipped_steps"))
    list.add("Skipped steps of each epoch", {{"skipped_steps", "skipped steps"}});
  list.add_each("Gradient norms of layers", "gradients/norm/", true);
  for (const std::string& event : other_events(runs))
    list.add_each("Event " + printable_line(event), event + "/", false);
  return list.take();
}

std::string figure_html(const ReportChart& one, std::size_t index, const FigureLook& look) {
  Drawing drawing{look.width, look.height};
  draw_chart(drawing, one.chart, {0, 0, look.width, look.height}, look.style);
  return fmt::format(
      "<figure class=\"card chart\" id=\"chart-{}\"><figcaption>{}</figcaption>\n"
      "<div class=\"canvas\">{}</div>\n{}{}</figure>\n",
      index, escaped(one.chart.title), to_svg_of_page(drawing, one.chart.title),
      look.legend ? legend_html(one) : "",
      one.note.empty() ? "" : "<p class=\"soft note\">" + escaped(one.note) + "</p>\n");
}

std::string charts_html(const std::vector<ReportChart>& charts, const ReportedRuns& runs) {
  std::string html =
      "<h2 id=\"curves\">Curves</h2>\n<div class=\"controls scripted\" id=\"controls\"></div>\n";
  if (charts.empty())
    return html + "<p class=\"soft\">No epoch has ended, and no step was logged.</p>\n";
  FigureLook look;
  look.style.most_points = points_of_each(charts, kPointsOfPicture, 40, 400);
  html += "<div class=\"charts\">\n";
  for (std::size_t i = 0; i < charts.size(); ++i) {
    look.legend = charts[i].chart.curves.size() > 1 || runs.size() > 1;
    html += figure_html(charts[i], i, look);
  }
  return html + "</div>\n";
}

PageData charts_data(const std::vector<ReportChart>& charts, const ReportedRuns& runs) {
  const std::size_t most = points_of_each(charts, kPointsOfScript, 60, 1000);
  std::string json = "{\"runs\":[";
  for (std::size_t run = 0; run < runs.size(); ++run)
    json += fmt::format("{}{{\"name\":{},\"colour\":\"{}\",\"ends\":{}}}", run > 0 ? "," : "",
                        json_text(runs[run].record.name), Colour::series(run).css(),
                        ends_json(runs[run].record.history));
  json += "],\"charts\":[";
  for (std::size_t i = 0; i < charts.size(); ++i) {
    json += fmt::format("{}{{\"title\":{},\"log\":{},\"curves\":[", i > 0 ? "," : "",
                        json_text(charts[i].chart.title), charts[i].chart.logarithmic);
    for (std::size_t k = 0; k < charts[i].chart.curves.size(); ++k) {
      const Curve curve = thinned(charts[i].chart.curves[k], most);
      json += fmt::format("{}{{\"name\":{},\"run\":{},\"colour\":\"{}\",\"dash\":\"{}\"",
                          k > 0 ? "," : "", json_text(curve.name), charts[i].runs[k],
                          curve.colour.css(), dash_text(curve.dash));
      put_numbers(json, "x", curve.x, 15);
      put_numbers(json, "y", curve.y, 5);
      json += "}";
    }
    json += "]}";
  }
  return {"charts", json + "]}"};
}

}  // namespace weft::view
