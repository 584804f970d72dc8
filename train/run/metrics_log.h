// SPDX-License-Identifier: Apache-2.0
// The metrics of a run: one line per event in metrics.jsonl, and the epochs as a table in
// metrics.csv. Every JSON line has the version of the schema; keys are only added to it, never
// removed. Events: epoch, validation (one within an epoch), test, rebuild (of optimizer and
// schedule, by a strategy), failed (with the reason), and the events of callbacks.
//
// A line that cannot be written, on a full disk, is a warning; the run goes on.
#pragma once
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weft/train/checkpoint/checkpoint_reader.h"
#include "weft/train/run/callback.h"
#include "weft/train/run/run_folder.h"

namespace weft::train {

class MetricsLog {
 public:
  explicit MetricsLog(const RunFolder& folder) : folder_(folder) {}
  // The current size of each file in bytes, and in lines, for a checkpoint.
  std::map<std::string, i64> sizes() const;
  std::map<std::string, i64> lines() const;
  // Cuts the files to what they were at the checkpoint (log_until); later lines are removed,
  // because the resumed run writes them again. The files of a run in folder `other` are copied from
  // there. What is missing is a warning.
  void restore(const CheckpointAbout& at, const std::filesystem::path& other = {});
  // Removes both files, for a run that begins.
  void clear();
  // Writes the columns of the table, unless it has them: these metrics, and what every epoch has.
  void begin_table(const std::set<std::string>& metrics);
  // Adds an epoch.
  void add(const EpochReport& report);
  // The following events are written to JSON only. This one is the result on the test split. It has
  // the key `weights` unless the model's own weights were evaluated.
  void add_test(i64 step, const Evaluation& evaluation);
  // `samples` says how many a validation of some samples looked at; 0: all.
  void add_validation(i64 epoch, i64 step, const Evaluation& evaluation, i64 samples);
  void add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report);
  void add_failure(i64 epoch, i64 step, const std::string& reason);
  // An event of a callback.
  void add_event(const std::string& event, i64 step, const std::map<std::string, double>& values);

 private:
  void restore_file(const std::string& name, const CheckpointAbout& at,
                    const std::filesystem::path& other);
  void take_columns(std::string header);
  void write_header();
  bool append(const std::string& name, const std::string& line);

  const RunFolder& folder_;
  std::vector<std::string> columns_;
  bool has_header_ = false;
  std::map<std::string, i64> lines_, lost_;  // of each file
};

// The first part of a log: what it held at a checkpoint.
struct LogPart {
  std::size_t bytes = 0;  // whole lines
  i64 lines = 0;
  std::string note = {};  // says what is missing or unexpected; empty if nothing is
};
// A file that was not changed since has `bytes` bytes in `lines` lines before the first later line.
// In one that was changed (an editor, a copy with other line ends) the lines count. Where they are
// not known (−1: a checkpoint of an older weft), the line in which the last of the bytes lies is
// the last one.
LogPart log_until(std::string_view text, i64 bytes, i64 lines);

}  // namespace weft::train
