// SPDX-License-Identifier: Apache-2.0
// Plots of runs for papers: one chart for each kind of metric, on white, as SVG or PNG.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "weft/view/drawing.h"

namespace weft::view {

enum class PlotAxis { step, epoch };

struct PlotOptions {
  // Names of series, as metrics.jsonl has them: "validation/loss". A * stands for any text. Series
  // that differ only in front of the last "/" share a chart. Empty: the losses, and the metrics of
  // the validations.
  std::vector<std::string> metrics = {};
  PlotAxis x = PlotAxis::step;
};

// Throws UserError for a folder that is not a run's, and for a metric that no run has.
Drawing plot_of(const std::vector<std::string>& runs, const PlotOptions& options = {});
// Writes the plot as the ending of the file says, .svg or .png. Throws UserError for another one.
void write_plot(const std::string& file, const Drawing& plot);

}  // namespace weft::view
