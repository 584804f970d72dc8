// SPDX-License-Identifier: Apache-2.0
// The parts of a report. Each returns HTML, whose texts are escaped. This header is for the sources
// of this folder.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/view/chart.h"
#include "weft/view/page.h"
#include "weft/view/run_evaluation.h"
#include "weft/view/run_record.h"

namespace weft::view {

struct ReportedRun {
  RunRecord record;
  std::optional<RunEvaluation> evaluation = {};
  std::string not_evaluated = {};  // why there is none, as a sentence
};
using ReportedRuns = std::vector<ReportedRun>;

// A chart of the report. `runs` has the run of each curve.
struct ReportChart {
  Chart chart;
  std::vector<std::size_t> runs = {};
  std::string note = {};  // what it leaves out, as a sentence
};
// All charts that have something to show: loss, metrics, learning rate, throughput, gradient norms,
// loss scale, skipped steps, and the series of other events.
std::vector<ReportChart> charts_of(const ReportedRuns& runs);
// How a chart stands in a page: its size in pixels, which the page scales to the room that it has.
struct FigureLook {
  double width = 560, height = 270;
  ChartStyle style = {};
  bool legend = true;
};
std::string figure_html(const ReportChart& one, std::size_t index, const FigureLook& look);
std::string charts_html(const std::vector<ReportChart>& charts, const ReportedRuns& runs);
// The same for report.js.
PageData charts_data(const std::vector<ReportChart>& charts, const ReportedRuns& runs);

// The page of a study. Throws what read_study() does.
Page study_page(const std::string& path);
struct Study;
// Its charts with their heading; empty if no trial has a loss.
std::string study_charts_html(const Study& study);

std::string overview_html(const ReportedRuns& runs);
std::string timing_html(const ReportedRuns& runs);
std::string classes_html(const ReportedRuns& runs);  // confusion matrix and figures of classes
std::string samples_html(const ReportedRuns& runs);  // the worst samples
std::string config_html(const ReportedRuns& runs);   // with provenance and differences
std::string environment_html(const ReportedRuns& runs);
std::string checkpoints_html(const ReportedRuns& runs);
std::string warnings_html(const ReportedRuns& runs);

// "<td>…</td>" and "<td class="number">…</td>".
std::string cell(std::string_view text);
std::string number_cell(std::string_view text);
std::string table_html(const std::string& head, const std::string& rows);
// A heading with the name of the run, if there are several.
std::string run_heading(const ReportedRuns& runs, std::size_t run);

}  // namespace weft::view
