// SPDX-License-Identifier: Apache-2.0
// The report of a study of `weft tune`: its best trial, the charts of report_study_charts.cpp, and
// the table of trials. It has no scripts.
#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/view/report_parts.h"
#include "weft/view/study.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostTrialRows = 1000, kMostParameterColumns = 40, kMostCellText = 300;

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

// A trial that was stopped from outside has no time of its own.
std::string time_text(const StudyTrial& trial) {
  return trial.outcome == "stopped" && trial.seconds == 0 ? "–" : seconds_text(trial.seconds);
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
  row += number_cell(time_text(trial));
  return row + "<td class=\"value\">" +
         escaped(excerpt(is_best ? "The best one." : message_text(trial), 1000)) + "</td></tr>\n";
}

std::string trials_html(const Study& study) {
  std::string head =
      "<th class=\"number\">trial</th><th>outcome</th><th class=\"number\">validation loss</th>";
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
