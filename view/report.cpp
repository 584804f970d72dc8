// SPDX-License-Identifier: Apache-2.0
#include "weft/view/report.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/printable.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/run/checkpoint_place.h"
#include "weft/train/run/run_config.h"
#include "weft/view/report_parts.h"
#include "weft/view/study.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostRuns = 40;

// A series that means something in the overview: the least or the greatest value of it.
struct Extreme {
  double value = std::numeric_limits<double>::quiet_NaN();
  i64 step = 0;
};
Extreme extreme_of(const Series& series, bool greatest) {
  Extreme best;
  for (const Point& point : series)
    if (std::isfinite(point.value) &&
        (std::isnan(best.value) ||
         (greatest ? point.value > best.value : point.value < best.value)))
      best = {point.value, point.step};
  return best;
}

std::string status_of(const RunRecord& run) {
  if (run.history.failure())
    return "<span class=\"bad\">failed: " + escaped(excerpt(*run.history.failure(), 300)) +
           "</span>";
  const auto epochs = run.config.find("train.epochs");
  if (epochs != run.config.end() && epochs->second.value != std::to_string(run.history.epochs()))
    return fmt::format("{} of {}", number_text(static_cast<double>(run.history.epochs())),
                       epochs->second.value == "1"
                           ? "1 epoch"
                           : escaped(excerpt(epochs->second.value)) + " epochs");
  return counted(run.history.epochs(), "epoch");
}

std::string value_or_dash(double value) { return std::isnan(value) ? "–" : number_text(value); }

// Results on the test split, of the event `test`.
std::vector<std::string> test_metrics(const ReportedRuns& runs) {
  std::vector<std::string> names;
  for (const ReportedRun& run : runs)
    for (const auto& [key, value] : run.record.history.test())
      if (key.starts_with("test/") && std::find(names.begin(), names.end(), key) == names.end() &&
          names.size() < 8)
        names.push_back(key);
  return names;
}

std::string overview_row(const ReportedRun& run, std::size_t index,
                         const std::vector<std::string>& tests) {
  const History& history = run.record.history;
  const Series& seconds = history.series("seconds");
  const Extreme loss = extreme_of(history.series("validation/loss"), false);
  std::string row = fmt::format(
      "<tr><td><span class=\"named\"><i class=\"swatch\" style=\"background:{}\"></i>"
      "<span>{}</span></span></td>",
      Colour::series(index).css(), escaped(run.record.name));
  row += "<td>" + status_of(run.record) + "</td>";
  row += number_cell(number_text(static_cast<double>(history.steps())));
  row += number_cell(history.series("train/loss").empty()
                         ? "–"
                         : value_or_dash(history.series("train/loss").back().value));
  row += number_cell(std::isnan(loss.value)
                         ? "–"
                         : fmt::format("{} at step {}", number_text(loss.value),
                                       number_text(static_cast<double>(loss.step))));
  for (const std::string& name : tests) {
    const auto found = history.test().find(name);
    row += number_cell(found == history.test().end() ? "–" : value_or_dash(found->second));
  }
  return row + number_cell(seconds.empty() ? "–" : seconds_text(seconds.back().value)) + "</tr>\n";
}

struct Times {
  double all = 0, training = 0;
  std::vector<double> epochs;  // seconds
};
Times times_of(const History& history) {
  const Series &seconds = history.series("seconds"), &samples = history.series("samples"),
               &rates = history.series("samples_per_second");
  Times times;
  double second = 0, sample = 0;
  for (std::size_t i = 0; i < std::min({seconds.size(), samples.size(), rates.size()}); ++i) {
    times.epochs.push_back(seconds[i].value - second);
    if (rates[i].value > 0) times.training += (samples[i].value - sample) / rates[i].value;
    second = times.all = seconds[i].value;
    sample = samples[i].value;
  }
  return times;
}

// An evaluation reads the best checkpoint whose files are whole. If it took another one than the
// metrics say, or found none, says which are damaged, from the best one on.
std::string mark_damaged(RunRecord& run, const std::string& evaluated) {
  std::string damage;
  std::vector<CheckpointRecord*> looked_at;
  for (CheckpointRecord& each : run.checkpoints)
    if (each.is_best) looked_at.insert(looked_at.begin(), &each);
    else looked_at.push_back(&each);
  for (CheckpointRecord* each : looked_at) {
    if (each->name == evaluated) break;
    try {
      train::verify_checkpoint(train::checkpoints_of(run.history.folder()) / each->name);
      if (each->is_best) break;  // the evaluation failed for another reason
    } catch (const Error& error) {
      each->is_damaged = true;
      each->is_best = false;
      damage +=
          fmt::format("{}{} is damaged: {}", damage.empty() ? "" : "; ", each->name, error.what());
    }
  }
  for (CheckpointRecord& each : run.checkpoints)
    if (!damage.empty() && each.name == evaluated) each.is_best = true;
  return damage;
}

void evaluate(ReportedRun& run, const std::string& dir, const ReportOptions& options,
              std::size_t runs) {
  if (!options.evaluate) {
    run.not_evaluated = "The run was not evaluated for this report (--no-evaluate).";
    return;
  }
  try {
    run.evaluation = evaluate_run(dir, std::max<std::size_t>(4, options.worst / runs));
    if (std::string damage = mark_damaged(run.record, run.evaluation->checkpoint); !damage.empty())
      run.record.notes.push_back(std::move(damage));
  } catch (const std::exception& error) {
    const std::string damage = mark_damaged(run.record, "");
    run.not_evaluated = fmt::format("The run could not be evaluated: {}{}{}.", error.what(),
                                    damage.empty() ? "" : "; ", damage);
  }
}

// The optimizer of a run is rebuilt when a strategy changes what trains.
std::string rebuilds_html(const ReportedRun& run) {
  constexpr std::size_t kMostListed = 12;
  const std::vector<i64>& rebuilds = run.record.history.rebuilds();
  if (rebuilds.empty()) return "";
  std::string steps;
  for (std::size_t i = 0; i < std::min(rebuilds.size(), kMostListed); ++i)
    steps += (i > 0 ? ", " : "") + number_text(static_cast<double>(rebuilds[i]));
  if (rebuilds.size() > kMostListed) steps += ", …";
  return fmt::format("<p class=\"soft\">{}: the optimizer was rebuilt at step {}.</p>\n",
                     escaped(run.record.name), steps);
}

std::string notes_html(const ReportedRuns& runs) {
  std::string html;
  for (const ReportedRun& run : runs) html += rebuilds_html(run);
  for (const ReportedRun& run : runs)
    for (const std::string& note : run.record.notes)
      html += fmt::format("<p class=\"warn\">{}: {}</p>\n", escaped(run.record.name),
                          escaped(excerpt(note, 2000)));
  return html;
}

}  // namespace

std::string cell(std::string_view text) { return "<td>" + escaped(text) + "</td>"; }
std::string number_cell(std::string_view text) {
  return "<td class=\"number\">" + escaped(text) + "</td>";
}
std::string table_html(const std::string& head, const std::string& rows) {
  return "<div class=\"wide\"><table>\n<thead><tr>" + head + "</tr></thead>\n<tbody>\n" + rows +
         "</tbody></table></div>\n";
}
std::string run_heading(const ReportedRuns& runs, std::size_t run) {
  return runs.size() > 1 ? "<h3>" + escaped(runs[run].record.name) + "</h3>\n" : "";
}

std::string overview_html(const ReportedRuns& runs) {
  const std::vector<std::string> tests = test_metrics(runs);
  std::string head =
      "<th>run</th><th>done</th><th class=\"number\">steps</th>"
      "<th class=\"number\">last training loss</th><th class=\"number\">least validation loss</th>";
  for (const std::string& name : tests)
    head += "<th class=\"number\">" + escaped("test " + name.substr(5)) + "</th>";
  head += "<th class=\"number\">time</th>";
  std::string rows, html;
  for (std::size_t i = 0; i < runs.size(); ++i) rows += overview_row(runs[i], i, tests);
  for (const ReportedRun& run : runs)
    if (!run.record.headline.empty())
      html += "<p class=\"soft\">" + (runs.size() > 1 ? escaped(run.record.name) + ": " : "") +
              escaped(run.record.headline) + "</p>\n";
  return html + table_html(head, rows) + notes_html(runs);
}

std::string timing_html(const ReportedRuns& runs) {
  std::string rows;
  for (const ReportedRun& run : runs) {
    Times times = times_of(run.record.history);
    if (times.epochs.empty()) continue;
    std::sort(times.epochs.begin(), times.epochs.end());
    const double others = std::max(0.0, times.all - times.training);
    rows += "<tr>" + cell(run.record.name) + number_cell(seconds_text(times.all)) +
            number_cell(seconds_text(times.training)) +
            number_cell(fmt::format("{} ({:.0f} %)", seconds_text(others),
                                    times.all > 0 ? 100 * others / times.all : 0)) +
            number_cell(seconds_text(times.epochs[times.epochs.size() / 2])) +
            number_cell(times.training > 0
                            ? number_text(run.record.history.series("samples").back().value /
                                          times.training)
                            : "–") +
            "</tr>\n";
  }
  if (rows.empty()) return "";
  return "<h2 id=\"timing\">Timing</h2>\n" +
         table_html(
             "<th>run</th><th class=\"number\">all epochs</th><th class=\"number\">training</th>"
             "<th class=\"number\">validation, checkpoints and the rest</th>"
             "<th class=\"number\">median epoch</th><th class=\"number\">samples/s of training</th>",
             rows);
}

Page report_page(const std::vector<std::string>& dirs, const ReportOptions& options) {
  WEFT_CHECK(!dirs.empty() && dirs.size() <= kMostRuns,
             "report: {} runs given; 1 to {} are required", dirs.size(), kMostRuns);
  for (const std::string& dir : dirs) {
    if (!is_study(dir)) continue;
    WEFT_CHECK(dirs.size() == 1,
               "report: {} is a study and {} are given; a study alone, or runs, is required",
               printable_line(dir), counted(static_cast<i64>(dirs.size()), "folder"));
    return study_page(dir);
  }
  std::vector<RunRecord> records;
  for (const std::string& dir : dirs) records.push_back(read_run(dir));
  name_runs(records);
  ReportedRuns runs;
  for (RunRecord& record : records) runs.push_back({std::move(record)});
  for (std::size_t i = 0; i < runs.size(); ++i) evaluate(runs[i], dirs[i], options, runs.size());
  const std::vector<ReportChart> charts = charts_of(runs);
  Page page;
  page.title = runs.size() == 1 ? runs[0].record.name : fmt::format("{} runs", runs.size());
  page.body = "<h1>" + escaped(page.title) + "</h1>\n" + overview_html(runs) +
              charts_html(charts, runs) + classes_html(runs) + samples_html(runs) +
              timing_html(runs) + checkpoints_html(runs) + config_html(runs) +
              environment_html(runs) + warnings_html(runs);
  page.data.push_back(charts_data(charts, runs));
  page.styles = {"report.css"};
  page.scripts = {"axes.js", "chart.js", "report.js"};
  return page;
}

}  // namespace weft::view
