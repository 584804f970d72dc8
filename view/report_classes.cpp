// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "weft/core/printable.h"
#include "weft/view/report_parts.h"

namespace weft::view {
namespace {

constexpr std::size_t kMostCells = 30;  // classes, of a table of numbers
constexpr std::size_t kMostRows = 200;  // of the figures of classes
constexpr std::size_t kMostConfused = 20;

std::string class_name(const std::vector<std::string>& names, std::size_t index) {
  return index < names.size() ? excerpt(printable_line(names[index]), 40) : std::to_string(index);
}

// What is known of the classes of a run: from its evaluation, or from its metrics.
struct Confusions {
  Table table;
  std::string of;  // "test split, checkpoint step-40"
  std::vector<std::string> names;
};
Confusions confusions_of(const ReportedRun& run) {
  if (run.evaluation && !run.evaluation->confusion.empty())
    return {run.evaluation->confusion,
            fmt::format("{} split, {}, checkpoint {}", run.evaluation->split,
                        counted(run.evaluation->samples, "sample"), run.evaluation->checkpoint),
            run.evaluation->class_names};
  const auto& tables = run.record.history.tables();
  for (const std::string split : {"test", "validation"}) {
    const auto found = tables.find(split + "/confusion_matrix");
    if (found == tables.end() || found->second.size() != found->second[0].size()) continue;
    return {found->second, split + " split, as the run logged it last", {}};
  }
  return {};
}

double of_row(const std::vector<i64>& row, i64 count) {
  double sum = 0;
  for (const i64 each : row) sum += static_cast<double>(each);
  return sum > 0 ? static_cast<double>(count) / sum : 0;
}

std::string cells_html(const Confusions& known) {
  std::string html =
      "<div class=\"wide\"><table class=\"confusion\">\n<thead><tr><th class=\"corner\">"
      "label ↓<br>predicted →</th>";
  for (std::size_t c = 0; c < known.table.size(); ++c)
    html += "<th class=\"number\">" + escaped(class_name(known.names, c)) + "</th>";
  html += "</tr></thead>\n<tbody>\n";
  for (std::size_t r = 0; r < known.table.size(); ++r) {
    html += "<tr><th>" + escaped(class_name(known.names, r)) + "</th>";
    for (std::size_t c = 0; c < known.table.size(); ++c) {
      const i64 count = known.table[r][c];
      const double share = of_row(known.table[r], count);
      const double strength = 60 * (r == c ? share : std::sqrt(share));
      html += fmt::format("<td class=\"{}\" style=\"--v:{:.0f}%\">{}</td>", r == c ? "hit" : "miss",
                          strength,
                          count == 0 ? "<span class=\"zero\">·</span>" : std::to_string(count));
    }
    html += "</tr>\n";
  }
  return html + "</tbody></table></div>\n";
}

// A pixel for each cell, for tables that are too large for numbers.
std::string heat_map_html(const Confusions& known) {
  const auto side = static_cast<i64>(known.table.size());
  Pixels pixels{side, side, 4};
  for (std::size_t r = 0; r < known.table.size(); ++r)
    for (std::size_t c = 0; c < known.table.size(); ++c) {
      const double share = std::clamp(of_row(known.table[r], known.table[r][c]), 0.0, 1.0);
      const std::array<u8, 3> colour =
          r == c ? std::array<u8, 3>{31, 111, 235} : std::array<u8, 3>{214, 57, 43};
      pixels.bytes.insert(pixels.bytes.end(), colour.begin(), colour.end());
      pixels.bytes.push_back(
          static_cast<u8>(std::lround(255 * (r == c ? share : std::sqrt(share)))));
    }
  return fmt::format(
      "<p class=\"soft\">Rows are labels from the top, columns are predictions from the left; the "
      "stronger a cell, the larger its share of the label.</p>\n"
      "<img class=\"heat\" alt=\"confusion matrix of {} classes\" src=\"{}\">\n",
      side, data_uri_of(pixels));
}

std::string most_confused_html(const Confusions& known) {
  struct Cell {
    std::size_t label, prediction;
    i64 count;
  };
  std::vector<Cell> cells;
  for (std::size_t r = 0; r < known.table.size(); ++r)
    for (std::size_t c = 0; c < known.table.size(); ++c)
      if (r != c && known.table[r][c] > 0) cells.push_back({r, c, known.table[r][c]});
  std::stable_sort(cells.begin(), cells.end(),
                   [](const Cell& a, const Cell& b) { return a.count > b.count; });
  cells.resize(std::min(cells.size(), kMostConfused));
  std::string rows;
  for (const Cell& each : cells)
    rows += "<tr>" + cell(class_name(known.names, each.label)) +
            cell(class_name(known.names, each.prediction)) +
            number_cell(number_text(static_cast<double>(each.count))) + "</tr>\n";
  return rows.empty()
             ? ""
             : table_html("<th>label</th><th>predicted</th><th class=\"number\">samples</th>",
                          rows);
}

std::string share_cell(double share) {
  return std::isnan(share)
             ? number_cell("–")
             : fmt::format("<td class=\"number share\" style=\"--v:{:.1f}%\">{:.3f}</td>",
                           100 * share, share);
}

std::string figures_html(const Confusions& known) {
  const std::vector<ClassFigures> figures = figures_of(known.table);
  std::string rows;
  double precision = 0, recall = 0, f1 = 0, defined[3] = {0, 0, 0};
  i64 samples = 0;
  const auto add_to = [](double value, double& sum, double& count) {
    if (std::isnan(value)) return;
    sum += value;
    ++count;
  };
  for (std::size_t c = 0; c < figures.size(); ++c) {
    const ClassFigures& of = figures[c];
    add_to(of.precision(), precision, defined[0]);
    add_to(of.recall(), recall, defined[1]);
    add_to(of.f1(), f1, defined[2]);
    samples += of.samples;
    if (c < kMostRows)
      rows += "<tr>" + cell(class_name(known.names, c)) +
              number_cell(number_text(static_cast<double>(of.samples))) +
              share_cell(of.precision()) + share_cell(of.recall()) + share_cell(of.f1()) +
              "</tr>\n";
  }
  rows += "<tr class=\"sum\">" + cell("mean") +
          number_cell(number_text(static_cast<double>(samples))) +
          share_cell(precision / defined[0]) + share_cell(recall / defined[1]) +
          share_cell(f1 / defined[2]) + "</tr>\n";
  std::string html = table_html(
      "<th>class</th><th class=\"number\">samples</th><th class=\"number\">precision</th>"
      "<th class=\"number\">recall</th><th class=\"number\">F1</th>",
      rows);
  if (figures.size() > kMostRows)
    html += fmt::format("<p class=\"soft\">The first {} of {} classes.</p>\n", kMostRows,
                        figures.size());
  return html;
}

std::string sample_html(const RunEvaluation& of, const WorstSample& sample) {
  const auto name = [&](i64 label) {
    return class_name(of.class_names, static_cast<std::size_t>(label));
  };
  std::string html = "<figure class=\"card sample\">";
  if (sample.picture)
    html += fmt::format("<img alt=\"sample {}\" src=\"{}\">", sample.index,
                        data_uri_of(*sample.picture));
  return html + fmt::format(
                    "<figcaption><b>{}</b> taken for <b>{}</b><br><span class=\"soft\">loss {}, "
                    "p {:.3g}<br>sample {}</span></figcaption></figure>\n",
                    escaped(name(sample.label)), escaped(name(sample.prediction)),
                    number_text(sample.loss), sample.probability, sample.index);
}

}  // namespace

std::string classes_html(const ReportedRuns& runs) {
  std::string html = "<h2 id=\"classes\">Classes</h2>\n";
  for (std::size_t i = 0; i < runs.size(); ++i) {
    html += run_heading(runs, i);
    const Confusions known = confusions_of(runs[i]);
    const std::string note = runs[i].evaluation ? runs[i].evaluation->note : runs[i].not_evaluated;
    if (!note.empty()) html += "<p class=\"soft\">" + escaped(excerpt(note, 1000)) + "</p>\n";
    if (known.table.empty()) {
      if (note.empty()) html += "<p class=\"soft\">There is no confusion matrix.</p>\n";
      continue;
    }
    html += "<p class=\"soft\">" + escaped(known.of) + "</p>\n<div class=\"classes\"><div>";
    html += known.table.size() <= kMostCells ? cells_html(known)
                                             : heat_map_html(known) + most_confused_html(known);
    html += "</div>\n<div>" + figures_html(known) + "</div></div>\n";
  }
  return html;
}

std::string samples_html(const ReportedRuns& runs) {
  std::string html;
  for (std::size_t i = 0; i < runs.size(); ++i) {
    if (!runs[i].evaluation || runs[i].evaluation->worst.empty()) continue;
    html += run_heading(runs, i) + "<div class=\"samples\">\n";
    for (const WorstSample& sample : runs[i].evaluation->worst)
      html += sample_html(*runs[i].evaluation, sample);
    html += "</div>\n";
  }
  if (html.empty()) return "";
  return "<h2 id=\"samples\">Samples with the largest loss</h2>\n<p class=\"soft\">p is the probability "
         "that the model gives to its prediction; the loss is the cross-entropy of the sample.</p>\n" +
         html;
}

}  // namespace weft::view
