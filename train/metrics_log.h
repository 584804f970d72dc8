// SPDX-License-Identifier: Apache-2.0
// The metrics of a run, one line per epoch, in metrics.jsonl and metrics.csv. The schema's version is
// in every JSON line; keys are only ever added to it.
#pragma once
#include "weft/train/callback.h"
#include "weft/train/run_folder.h"

namespace weft::train {

class MetricsLog {
 public:
  explicit MetricsLog(const RunFolder& folder) : folder_(folder) {}
  // Columns of the table are those of the first epoch.
  void add(const EpochReport& report);
  // The result on the test split: JSON only.
  void add_test(i64 step, const Evaluation& evaluation);

 private:
  const RunFolder& folder_;
  std::vector<std::string> columns_;
};

}  // namespace weft::train
