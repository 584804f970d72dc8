// SPDX-License-Identifier: Apache-2.0
// metrics.jsonl: one line per event. Every line has the version of the schema; keys are only added
// to it, never removed.
#include <optional>

#include "weft/train/loggers/event_json.h"
#include "weft/train/run/log_file.h"

namespace weft::train {
namespace {

constexpr int kMetricsSchema = 1;

class Jsonl final : public Logger {
 public:
  void begin(const LoggedRun& run) override { file_.emplace(run, kMetricsLines); }
  void log(const LogEvent& event) override {
    using Json = nlohmann::ordered_json;
    Json line{{"schema", kMetricsSchema}, {"event", event.name}};
    line.update(values_of(event));
    // The reason of a failure may name a file in any encoding.
    file_->append(line.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  const LogFile* file() const override { return file_ ? &*file_ : nullptr; }

 private:
  std::optional<LogFile> file_;
};

const bool registered = Registry<Logger>::add<Jsonl>("jsonl");

}  // namespace
}  // namespace weft::train
