// SPDX-License-Identifier: Apache-2.0
// The report of one or several runs, or of a study of `weft tune`, as one HTML page, which opens
// without a network and prints. Every chart is in the page as a picture; report.js adds zoom and
// read-out to those of runs.
#pragma once
#include <string>
#include <vector>

#include "weft/view/page.h"

namespace weft::view {

struct ReportOptions {
  // Evaluate the best checkpoint of each run, for the confusion matrix and the worst samples. What
  // is missing for it becomes a sentence of the report.
  bool evaluate = true;
  std::size_t worst = 24;  // samples, over all runs together
};

// A study (is_study() in study.h) is given alone. Throws UserError for a folder that is neither a
// run's nor a study's, for a results file of a study that is damaged, and without any.
Page report_page(const std::vector<std::string>& runs, const ReportOptions& options = {});

}  // namespace weft::view
