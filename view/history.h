// SPDX-License-Identifier: Apache-2.0
// What metrics.jsonl of a run says, as series of numbers over steps. A run that another process
// still writes can be read again and again: update() reads only what was added.
//
// The names of series are the keys of the file: "train/loss", "validation/loss", "lr",
// "samples_per_second", "seconds", "skipped_steps" of epochs and validations. Keys of any other
// event get its name in front: "step/loss", "step/lr", "step/scale", "gradients/norm/LAYER". An
// unknown event is a series like these, and an unknown key is one more series.
#pragma once
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weft/core/types.h"

namespace weft::view {

struct Point {
  i64 step = 0;      // optimizer steps applied
  double value = 0;  // NaN for a number that was not finite
};
using Series = std::vector<Point>;  // in the order of the file
// Rows: labels, columns: predictions.
using Table = std::vector<std::vector<i64>>;

class History {
 public:
  // Reads the file of the run in this folder. Throws UserError that names the folder if it is not a
  // run's, and the line that is not an event. A last line without its end is not yet read, and one
  // that a kill or a full disk has cut off is passed over.
  explicit History(std::filesystem::path folder);

  // Reads what was added since, and returns whether anything changed. Begins again if the file was
  // cut, as a resumed run does. Throws like the constructor.
  bool update();

  const std::filesystem::path& folder() const { return folder_; }
  const std::map<std::string, Series>& series() const { return series_; }
  // Empty for a name that the run does not have.
  const Series& series(const std::string& name) const;
  // The last table of this name: "validation/confusion_matrix", "test/confusion_matrix".
  const std::map<std::string, Table>& tables() const { return tables_; }
  // The numbers of the event `test`: "test/loss", …; empty before it.
  const std::map<std::string, double>& test() const { return test_; }
  // The reason of the last event, if the run ended with it: the event `failed`.
  const std::optional<std::string>& failure() const { return failure_; }
  const std::vector<i64>& rebuilds() const { return rebuilds_; }  // steps of optimizer rebuilds

  i64 epochs() const { return epoch_ends_.empty() ? 0 : epoch_ends_.back().epoch; }  // done
  i64 damaged_lines() const { return damaged_; }
  i64 steps() const { return last_step_; }  // done
  // The epochs done at a step, between two epochs by the share of steps; 0 before the first epoch
  // has ended.
  double epoch_of(i64 step) const;

 private:
  struct EpochEnd {
    i64 epoch = 0, step = 0;
  };
  struct Parsed;  // a line as JSON
  void forget();
  bool was_cut(i64 bytes) const;
  void read_line(std::string_view line);
  void take(const Parsed& parsed);
  void add(const std::string& name, i64 step, double value);

  std::filesystem::path folder_;
  i64 offset_ = 0, lines_ = 0, damaged_ = 0, last_step_ = 0;
  std::string tail_;  // the last bytes before offset_, by which a file that was cut is known
  std::map<std::string, Series> series_;
  std::map<std::string, Table> tables_;
  std::map<std::string, double> test_;
  std::optional<std::string> failure_;
  std::vector<i64> rebuilds_;
  std::vector<EpochEnd> epoch_ends_;
};

// "metrics.jsonl has 2 damaged lines, which are left out"; empty if it has none.
std::string damage_note(const History& history);

}  // namespace weft::view
