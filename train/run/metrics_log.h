// SPDX-License-Identifier: Apache-2.0
// The metrics of a run: one line per event in metrics.jsonl, and the epochs as a table in
// metrics.csv. The schema's version is in every JSON line; keys are only ever added to it. Events:
// epoch, validation (one within an epoch), test, rebuild (of optimizer and schedule, by a
// strategy), and those of callbacks.
#pragma once
#include "weft/train/run/callback.h"
#include "weft/train/run/run_folder.h"

namespace weft::train {

class MetricsLog {
 public:
  explicit MetricsLog(const RunFolder& folder) : folder_(folder) {}
  // For a checkpoint: the bytes of each file that are written now.
  std::map<std::string, i64> sizes() const;
  // Goes on after these bytes: what comes after them goes, and will be written again. Those of a
  // run in another folder are copied from there; without them the files begin with what comes now,
  // and a warning says so. Throws UserError when a file of this folder is shorter.
  void restore(const std::map<std::string, i64>& sizes, const std::filesystem::path& other = {});
  // Columns of the table are those of the first epoch.
  void add(const EpochReport& report);
  // The rest in JSON only. The result on the test split:
  void add_test(i64 step, const Evaluation& evaluation);
  void add_validation(i64 epoch, i64 step, const Evaluation& evaluation);
  void add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report);
  // An event of a callback's.
  void add_event(const std::string& event, i64 step, const std::map<std::string, double>& values);

 private:
  const RunFolder& folder_;
  std::vector<std::string> columns_;
};

}  // namespace weft::train
