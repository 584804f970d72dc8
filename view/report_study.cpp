// SPDX-License-Identifier: Apache-2.0
// The report of a study of `weft tune`: its best trial, the loss over trials and over each
// parameter, and the table of trials. It has no scripts.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/view/report_parts.h"
#include "weft/view/study.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostTrialRows = 1000, kMostTrialCurves = 60, kMostParameterCharts = 40;
constexpr std::size_t kMostDots = 1500, kMostParameterColumns = 40, kMostCellText = 300;

// The outcomes whose losses a chart shows. One that diverged has none, and neither has one that
// failed.
struct OutcomeLook {
  const char* outcome;
  std::size_t colour;
};
constexpr std::array kDrawnOutcomes{OutcomeLook{"complete", 0}, OutcomeLook{"pruned", 1},
                                    OutcomeLook{"stopped", 7}};
constexpr std::size_t kBestColour = 2;

std::string study_text(const StudyValue& value) {
  return std::isnan(value.number) ? value.text : number_text(value.number);
}
std::string text_of_key(const StudyTrial& trial, const std::string& key) {
  const auto found = trial.values.find(key);
  return found == trial.values.end() ? "–" : excerpt(study_text(found->second), kMostCellText);
}
std::string loss_text(const StudyTrial& trial) {
  return std::isnan(trial.loss) ? "–" : number_text(trial.loss);
}
// A key may break behind its dots, so that a table of many keys stays narrow.
std::string key_html(const std::string& key) {
  std::string html = escaped(excerpt(key, 80));
  for (std::size_t at = 0; (at = html.find('.', at)) != std::string::npos; at += 6)
    html.insert(at + 1, "<wbr>");
  return html;
}
std::string key_cell(const std::string& key) {
  return "<td class=\"mono\">" + key_html(key) + "</td>";
}
std::string mono_cell(const std::string& text) {
  return "<td class=\"mono value\">" + escaped(excerpt(text, kMostCellText)) + "</td>";
}

// ---- charts

// Losses that lie far apart need a logarithmic axis.
bool are_far_apart(const Chart& chart) {
  double least = std::numeric_limits<double>::infinity(), greatest = 0;
  for (const Curve& curve : chart.curves)
    for (const double loss : curve.y) {
      if (!std::isfinite(loss)) continue;
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

ReportChart loss_over_trials(const Study& study) {
  ReportChart one{{"Validation loss of each trial", "trial"}};
  if (Curve best = best_so_far(study); !best.x.empty()) one.chart.curves.push_back(std::move(best));
  add_dots_of_trials(one.chart, study,
                     [](const StudyTrial& trial) { return static_cast<double>(trial.number); });
  const auto diverged =
      std::count_if(study.trials.begin(), study.trials.end(),
                    [](const StudyTrial& trial) { return std::isinf(trial.loss); });
  if (diverged > 0)
    one.note = fmt::format("{} with an infinite loss {} not drawn.", counted(diverged, "trial"),
                           diverged == 1 ? "is" : "are");
  return one;
}

ReportChart loss_over(const Study& study, const StudyParameter& parameter, bool logarithmic) {
  const std::string key = excerpt(printable_line(parameter.key), 80);
  ReportChart one{{"Validation loss over " + key, ""}};
  one.chart.logarithmic = logarithmic;
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
  std::size_t all = 0;
  for (const StudyTrial& trial : study.trials) {
    if (trial.validations.size() < 2 || ++all > kMostTrialCurves) continue;
    Curve curve{fmt::format("trial {}", trial.number)};
    for (const auto& [step, loss] : trial.validations) {
      curve.x.push_back(static_cast<double>(step));
      curve.y.push_back(loss);
    }
    one.chart.curves.push_back(std::move(curve));
  }
  const std::size_t count = one.chart.curves.size();
  for (std::size_t i = 0; i < count; ++i)
    one.chart.curves[i].colour = count <= 10 ? Colour::series(i) : Colour::of_ramp(i, count);
  one.chart.logarithmic = are_far_apart(one.chart);
  if (all > kMostTrialCurves)
    one.note = fmt::format("The best {} of {}.", kMostTrialCurves,
                           counted(static_cast<i64>(all), "trial"));
  return one;
}

std::string study_charts_html(const Study& study) {
  std::vector<ReportChart> charts{loss_over_trials(study)};
  const bool logarithmic = charts[0].chart.logarithmic = are_far_apart(charts[0].chart);
  for (const StudyParameter& parameter : study.parameters)
    if (charts.size() <= kMostParameterCharts)
      charts.push_back(loss_over(study, parameter, logarithmic));
  charts.push_back(validations_of(study));
  std::string figures;
  FigureLook look{.width = 420, .height = 260, .style = {.text_size = 12.5}};
  look.style.most_points = kMostDots;
  for (std::size_t i = 0; i < charts.size(); ++i)
    if (shows_anything(charts[i].chart)) figures += figure_html(charts[i], i, look);
  if (figures.empty()) return "";
  std::string html =
      "<h2 id=\"losses\">Losses</h2>\n<div class=\"charts small\">\n" + figures + "</div>\n";
  if (study.parameters.size() > kMostParameterCharts)
    html += fmt::format("<p class=\"soft\">The first {} of {}.</p>\n", kMostParameterCharts,
                        counted(static_cast<i64>(study.parameters.size()), "parameter"));
  return html;
}

// ---- texts and tables

std::string study_headline(const Study& study) {
  std::string counts;
  for (const char* const outcome : {"complete", "pruned", "diverged", "failed", "stopped"})
    if (const auto count =
            std::count_if(study.trials.begin(), study.trials.end(),
                          [&](const StudyTrial& trial) { return trial.outcome == outcome; });
        count > 0)
      counts += fmt::format("{}{} {}", counts.empty() ? ": " : ", ",
                            number_text(static_cast<double>(count)), outcome);
  std::string html = "<p class=\"soft\">A study of weft tune. " +
                     counted(static_cast<i64>(study.trials.size()), "trial") + counts + ".</p>\n";
  std::string config = study.config;
  for (const std::string& text : study.overrides) config += " " + text;
  if (!config.empty())
    html += "<p class=\"soft\">Config: <span class=\"mono\">" + escaped(excerpt(config, 2000)) +
            "</span></p>\n";
  return html;
}

std::string best_html(const Study& study) {
  if (!study.best) return "<p>No trial is complete, so that there is no best one.</p>\n";
  const StudyTrial& best = study.trials[*study.best];
  std::string rows = "<tr>" + cell("trial") + mono_cell(std::to_string(best.number)) + "</tr>\n" +
                     "<tr>" + cell("validation loss") + mono_cell(loss_text(best)) + "</tr>\n";
  for (const StudyParameter& parameter : study.parameters)
    if (best.values.count(parameter.key) != 0)
      rows += "<tr>" + key_cell(parameter.key) + mono_cell(text_of_key(best, parameter.key)) +
              "</tr>\n";
  rows += "<tr>" + cell("folder") + mono_cell(best.folder) + "</tr>\n";
  rows += "<tr>" + cell("time") + mono_cell(seconds_text(best.seconds)) + "</tr>\n";
  std::string html =
      "<h2 id=\"best\">Best trial</h2>\n" + table_html("<th>key</th><th>value</th>", rows);
  if (!study.command.empty())
    html += "<p>This command trains it again:</p>\n<pre>" + escaped(excerpt(study.command, 4000)) +
            "</pre>\n";
  return html;
}

// What became of a trial, as a sentence: its message, or when it was pruned.
std::string message_text(const StudyTrial& trial) {
  if (!trial.message.empty() || trial.outcome != "pruned") return trial.message;
  if (trial.validations.empty()) return "";
  return fmt::format("Pruned at step {}.",
                     number_text(static_cast<double>(trial.validations.back().first)));
}

std::string trial_row(const Study& study, const StudyTrial& trial) {
  const bool is_best = study.best && &trial == &study.trials[*study.best];
  const bool is_bad = trial.outcome == "diverged" || trial.outcome == "failed";
  std::string row = is_best ? "<tr class=\"differs\">" : "<tr>";
  row += number_cell(std::to_string(trial.number));
  row += fmt::format("<td><span class=\"{}\">{}</span></td>", is_bad ? "bad" : "",
                     escaped(trial.outcome));
  row += number_cell(loss_text(trial));
  for (std::size_t i = 0; i < std::min(study.parameters.size(), kMostParameterColumns); ++i) {
    const StudyParameter& parameter = study.parameters[i];
    const std::string text = text_of_key(trial, parameter.key);
    row += parameter.kind == "choice" ? "<td>" + escaped(text) + "</td>" : number_cell(text);
  }
  row += number_cell(seconds_text(trial.seconds));
  return row + "<td class=\"value\">" +
         escaped(excerpt(is_best ? "The best one." : message_text(trial), 1000)) + "</td></tr>\n";
}

std::string trials_html(const Study& study) {
  std::string head =
      "<th class=\"number\">trial</th><th>state</th><th class=\"number\">validation loss</th>";
  const std::size_t columns = std::min(study.parameters.size(), kMostParameterColumns);
  for (std::size_t i = 0; i < columns; ++i)
    head += (study.parameters[i].kind == "choice" ? "<th class=\"key\">"
                                                  : "<th class=\"number key\">") +
            key_html(study.parameters[i].key) + "</th>";
  head += "<th class=\"number\">time</th><th>message</th>";
  std::string rows, html = "<h2 id=\"trials\">Trials</h2>\n";
  for (std::size_t i = 0; i < std::min(study.trials.size(), kMostTrialRows); ++i)
    rows += trial_row(study, study.trials[i]);
  html += table_html(head, rows);
  if (study.trials.size() > kMostTrialRows)
    html += fmt::format("<p class=\"soft\">The best {} of {}.</p>\n",
                        number_text(static_cast<double>(kMostTrialRows)),
                        counted(static_cast<i64>(study.trials.size()), "trial"));
  if (study.parameters.size() > columns)
    html += fmt::format("<p class=\"soft\">The first {} of {}.</p>\n", columns,
                        counted(static_cast<i64>(study.parameters.size()), "parameter"));
  return html;
}

std::string space_html(const Study& study) {
  std::string rows;
  for (const StudyParameter& parameter : study.parameters) {
    std::string values;
    if (parameter.kind == "choice") {
      for (const std::string& choice : parameter.choices)
        values += (values.empty() ? "" : ", ") + choice;
    } else {
      values = fmt::format("{} to {}", number_text(parameter.low), number_text(parameter.high));
      if (parameter.logarithmic) values += ", logarithmic";
      if (parameter.step > 0) values += ", in steps of " + number_text(parameter.step);
    }
    rows += "<tr>" + key_cell(parameter.key) + cell(parameter.kind) + mono_cell(values) +
            mono_cell(parameter.condition.empty() ? "always" : parameter.condition) + "</tr>\n";
  }
  if (rows.empty()) return "";
  return "<h2 id=\"space\">Space</h2>\n" +
         table_html("<th>key</th><th>kind</th><th>values</th><th>set if</th>", rows);
}

}  // namespace

Page study_page(const std::string& path) {
  const Study study = read_study(path);
  Page page;
  page.title = printable_line(study.name);
  page.body = "<h1>" + escaped(page.title) + "</h1>\n" + study_headline(study) + best_html(study) +
              study_charts_html(study) + trials_html(study) + space_html(study);
  page.styles = {"report.css"};
  return page;
}

}  // namespace weft::view
