// SPDX-License-Identifier: Apache-2.0
// A file of the run folder that gets a line for each event: metrics.jsonl or metrics.csv.
//
// A line that cannot be written, on a full disk, is a warning; the run goes on.
#pragma once
#include <string>
#include <string_view>

#include "weft/train/run/logger.h"

namespace weft::train {

// How a log of weft begins.
struct LogBeginning {
  std::string_view text;  // after a byte order mark
  i64 header = 0;         // lines before the first event
};

class LogFile {
 public:
  // Begins the file for a run that begins. Events that are in it, of a run that has lost its
  // checkpoints, are kept aside. For a resumed run it cuts the file to what it was at
  // the checkpoint (log_until); later lines are removed, because the resumed run writes them again.
  // A file that does not begin like one of weft is kept aside too.
  // The file of a run in another folder is copied from there. What is missing, kept aside or out of
  // reach is a warning.
  LogFile(const LoggedRun& run, std::string name, const LogBeginning& beginning);

  const std::string& name() const { return name_; }
  i64 bytes() const { return folder_.size(name_); }
  i64 lines() const { return lines_; }  // −1 if they are not known
  // The first line of what was kept; empty if there is none.
  const std::string& first_line() const { return first_line_; }
  // Returns false if the line could not be written.
  bool append(const std::string& line);

 private:
  void begin(i64 header);
  void restore(const CheckpointAbout& at, const std::filesystem::path& other,
               std::string_view beginning);

  const RunFolder& folder_;
  std::string name_, first_line_ = {};
  i64 lines_ = 0, lost_ = 0;
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
