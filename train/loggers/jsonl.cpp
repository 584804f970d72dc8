// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one line per event.
#include <optional>

#include "weft/train/loggers/event_json.h"
#include "weft/train/run/log_file.h"

namespace weft::train {
namespace {

class Jsonl final : public Logger {
 public:
  void begin(const LoggedRun& run) override {
    file_.emplace(run, kMetricsLines, LogBeginning{"{"});
  }
  void log(const LogEvent& event) override { file_->append(line_of(event)); }
  const LogFile* file() const override { return file_ ? &*file_ : nullptr; }

 private:
  std::optional<LogFile> file_;
};

const bool registered = Registry<Logger>::add<Jsonl>("jsonl");

}  // namespace
}  // namespace weft::train
