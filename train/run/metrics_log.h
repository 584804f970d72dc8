// SPDX-License-Identifier: Apache-2.0
// The metrics of a run: one line per event in metrics.jsonl, and the epochs as a table in
// metrics.csv. Every JSON line has the version of the schema; keys are only added to it, never
// removed. Events: epoch, validation (one within an epoch), test, rebuild (of optimizer and
// schedule, by a strategy), and the events of callbacks.
#pragma once
#include "weft/train/run/callback.h"
#include "weft/train/run/run_folder.h"

namespace weft::train {

class MetricsLog {
 public:
  explicit MetricsLog(const RunFolder& folder) : folder_(folder) {}
  // The current size of each file in bytes, for a checkpoint.
  std::map<std::string, i64> sizes() const;
  // Cuts the files to these sizes; later lines are removed, because the resumed run writes them
  // again. The files of a run in folder `other` are copied from there. If they are missing, a
  // warning is logged and the files start empty. Throws UserError when a file of this folder is
  // shorter.
  void restore(const std::map<std::string, i64>& sizes, const std::filesystem::path& other = {});
  // Adds an epoch. The first epoch determines the columns of the table.
  void add(const EpochReport& report);
  // The following events are written to JSON only. This one is the result on the test split. It has
  // the key `weights` unless the model's own weights were evaluated.
  void add_test(i64 step, const Evaluation& evaluation);
  void add_validation(i64 epoch, i64 step, const Evaluation& evaluation);
  void add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report);
  // An event of a callback.
  void add_event(const std::string& event, i64 step, const std::map<std::string, double>& values);

 private:
  const RunFolder& folder_;
  std::vector<std::string> columns_;
};

}  // namespace weft::train
