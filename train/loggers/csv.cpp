// SPDX-License-Identifier: Apache-2.0
// metrics.csv: the epochs as a table.
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "weft/train/loggers/event_json.h"
#include "weft/train/run/log_file.h"

namespace weft::train {
namespace {

class Csv final : public Logger {
 public:
  // A resumed run keeps the columns that the table has.
  void begin(const LoggedRun& run) override {
    file_.emplace(run, kMetricsTable, LogBeginning{"epoch,step,", 1});
    take_columns(file_->first_line());
    has_header_ = !columns_.empty();
    if (!has_header_) {
      columns_ = {"epoch", "step", "samples", "lr"};
      columns_.insert(columns_.end(), run.metrics.begin(), run.metrics.end());
      columns_.insert(columns_.end(), {"skipped_steps", "samples_per_second", "seconds"});
    }
    write_header();
  }
  void log(const LogEvent& event) override {
    if (event.name != "epoch") return;
    write_header();
    const nlohmann::ordered_json values = values_of(event);
    std::string row;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const auto found = values.find(columns_[i]);
      const bool shown = found != values.end() && found->is_number();
      row += (i == 0 ? "" : ",") + (shown ? found->dump() : "");
    }
    file_->append(row);
  }
  const LogFile* file() const override { return file_ ? &*file_ : nullptr; }

 private:
  void take_columns(std::string header) {
    if (header.ends_with('\r')) header.pop_back();  // of an editor
    std::istringstream names(header);
    for (std::string column; std::getline(names, column, ',');) columns_.push_back(column);
  }
  // Called again by each epoch until it is written.
  void write_header() {
    if (!has_header_) has_header_ = file_->append(fmt::format("{}", fmt::join(columns_, ",")));
  }

  std::optional<LogFile> file_;
  std::vector<std::string> columns_;
  bool has_header_ = false;
};

const bool registered = Registry<Logger>::add<Csv>("csv");

}  // namespace
}  // namespace weft::train
