// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/view/report_parts.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostValue = 200, kMostPaths = 2000;

std::string code_cell(const std::string& text) {
  return "<td class=\"mono value\">" + escaped(excerpt(text, kMostValue)) + "</td>";
}

std::string head_of_runs(const ReportedRuns& runs, const std::string& first) {
  std::string head = "<th>" + first + "</th>";
  for (const ReportedRun& run : runs) head += "<th>" + escaped(run.record.name) + "</th>";
  return head;
}

// The rows of a table with a column for each run, of those keys whose values differ.
template <class Find>
std::string differing_rows(const ReportedRuns& runs, const std::set<std::string>& keys,
                           const Find& find, bool only_differing) {
  std::string rows;
  for (const std::string& key : keys) {
    std::set<std::string> values;
    std::string cells;
    for (const ReportedRun& run : runs) {
      const std::string value = find(run.record, key);
      values.insert(value);
      cells += code_cell(value);
    }
    if (only_differing && values.size() == 1) continue;
    rows += fmt::format("<tr{}><td class=\"mono\">{}</td>{}</tr>\n",
                        values.size() > 1 && !only_differing ? " class=\"differs\"" : "",
                        escaped(excerpt(key, kMostValue)), cells);
  }
  return rows;
}

std::string config_value(const RunRecord& run, const std::string& path) {
  const auto found = run.config.find(path);
  return found == run.config.end() ? "–" : found->second.value;
}
std::string environment_value(const RunRecord& run, const std::string& key) {
  for (const auto& [its_key, value] : run.environment)
    if (its_key == key) return value;
  return "–";
}

std::string config_differences(const ReportedRuns& runs) {
  std::set<std::string> paths;
  for (const ReportedRun& run : runs)
    for (const auto& [path, value] : run.record.config)
      if (path != "run.dir" && paths.size() < kMostPaths) paths.insert(path);
  const std::string rows = differing_rows(runs, paths, config_value, true);
  return "<h3>Differences</h3>\n" +
         (rows.empty() ? "<p class=\"soft\">The configs are equal, except for run.dir.</p>\n"
                       : table_html(head_of_runs(runs, "key"), rows));
}

std::string config_of(const RunRecord& run) {
  if (run.config.empty())
    return run.config_text.empty()
               ? ""
               : "<pre>" + escaped(excerpt(run.config_text, 20000)) + "</pre>\n";
  std::string rows, usual;
  std::size_t count = 0;
  for (const auto& [path, value] : run.config) {
    if (++count > kMostPaths) break;
    (value.origin == "default" ? usual : rows) +=
        "<tr><td class=\"mono\">" + escaped(excerpt(path, kMostValue)) + "</td>" +
        code_cell(value.value) +
        fmt::format("<td class=\"{}\">{}</td></tr>\n", value.origin == "command line" ? "" : "soft",
                    value.origin);
  }
  const std::string head = "<th>key</th><th>value</th><th>from</th>";
  std::string html = table_html(head, rows);
  if (!usual.empty())
    html += "<details><summary>Values that equal their defaults</summary>\n" +
            table_html(head, usual) + "</details>\n";
  if (!run.overrides.empty()) {
    std::string text;
    for (const std::string& each : run.overrides) text += excerpt(each, 1000) + "\n";
    html += "<details><summary>Command line</summary>\n<pre>" + escaped(excerpt(text, 20000)) +
            "</pre></details>\n";
  }
  return html;
}

std::string marks_cell(const CheckpointRecord& checkpoint) {
  std::string marks;
  const auto add = [&](bool is_so, const char* mark) {
    if (is_so) marks += (marks.empty() ? "" : ", ") + std::string(mark);
  };
  add(checkpoint.is_best, "best");
  add(checkpoint.is_last, "last");
  if (!checkpoint.is_damaged) return cell(marks);
  return "<td>" + marks + (marks.empty() ? "" : ", ") + "<span class=\"bad\">damaged</span></td>";
}

}  // namespace

std::string config_html(const ReportedRuns& runs) {
  std::string html = "<h2 id=\"config\">Config</h2>\n";
  if (runs.size() == 1) return html + config_of(runs[0].record);
  html += config_differences(runs);
  for (const ReportedRun& run : runs)
    html += "<details><summary>" + escaped(run.record.name) + "</summary>\n" +
            config_of(run.record) + "</details>\n";
  return html;
}

std::string environment_html(const ReportedRuns& runs) {
  std::set<std::string> keys;
  for (const ReportedRun& run : runs)
    for (const auto& [key, value] : run.record.environment) keys.insert(key);
  if (keys.empty()) return "";
  return "<h2 id=\"environment\">Environment</h2>\n" +
         table_html(head_of_runs(runs, ""), differing_rows(runs, keys, environment_value, false));
}

std::string checkpoints_html(const ReportedRuns& runs) {
  std::string html;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i].record;
    if (run.checkpoints.empty()) continue;
    std::string rows;
    for (const CheckpointRecord& each : run.checkpoints) {
      const auto metric = each.metrics.find(run.monitor);
      rows += "<tr>" + cell(each.name) + number_cell(number_text(static_cast<double>(each.step))) +
              number_cell(bytes_text(static_cast<double>(each.bytes))) +
              number_cell(metric == each.metrics.end() ? "–" : number_text(metric->second)) +
              marks_cell(each) + "</tr>\n";
    }
    html += run_heading(runs, i) +
            table_html(
                "<th>checkpoint</th><th class=\"number\">step</th><th class=\"number\">size</th>"
                "<th class=\"number\">" +
                    escaped(excerpt(run.monitor, kMostValue)) + "</th><th></th>",
                rows);
  }
  return "<h2 id=\"checkpoints\">Checkpoints</h2>\n" +
         (html.empty() ? "<p class=\"soft\">There are none.</p>\n" : html);
}

std::string warnings_html(const ReportedRuns& runs) {
  std::string html;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const RunRecord& run = runs[i].record;
    if (run.warnings.empty()) continue;
    html += run_heading(runs, i) + "<ul class=\"warnings\">\n";
    for (const std::string& each : run.warnings) html += "<li>" + escaped(each) + "</li>\n";
    html += "</ul>\n";
    if (run.all_warnings > static_cast<i64>(run.warnings.size()))
      html += fmt::format("<p class=\"soft\">The first {} of {} warnings.</p>\n",
                          run.warnings.size(), run.all_warnings);
  }
  return "<h2 id=\"warnings\">Warnings of the log</h2>\n" +
         (html.empty() ? "<p class=\"soft\">There are none.</p>\n" : html);
}

}  // namespace weft::view
