// SPDX-License-Identifier: Apache-2.0
#include "weft/train/metrics_log.h"

#include <cmath>

#include <nlohmann/json.hpp>

namespace weft::train {
namespace {

constexpr int kSchema = 1;

// JSON has no NaN: null stands for it.
nlohmann::ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

}  // namespace

void MetricsLog::add(const EpochReport& report) {
  nlohmann::ordered_json line{{"schema", kSchema},
                              {"event", "epoch"},
                              {"epoch", report.train.epoch},
                              {"step", report.step},
                              {"samples", report.samples_seen},
                              {"lr", number(report.train.lr)}};
  for (const auto& [name, value] : report.metrics) line[name] = number(value);
  line["skipped_steps"] = report.train.skipped;
  line["samples_per_second"] = number(report.train.samples_per_second);
  line["seconds"] = number(report.seconds);
  folder_.append("metrics.jsonl", line.dump());

  line.erase("schema");
  line.erase("event");
  if (columns_.empty()) {
    std::string header;
    for (const auto& [name, value] : line.items()) {
      columns_.push_back(name);
      header += (header.empty() ? "" : ",") + name;
    }
    folder_.append("metrics.csv", header);
  }
  std::string row;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto found = line.find(columns_[i]);
    const std::string cell = found == line.end() || found->is_null() ? "" : found->dump();
    row += (i == 0 ? "" : ",") + cell;
  }
  folder_.append("metrics.csv", row);
}

void MetricsLog::add_test(i64 step, const Evaluation& evaluation) {
  nlohmann::ordered_json line{
      {"schema", kSchema}, {"event", "test"}, {"step", step}, {"samples", evaluation.samples}};
  for (const auto& [name, value] : evaluation.metrics) line["test/" + name] = number(value);
  folder_.append("metrics.jsonl", line.dump());
}

}  // namespace weft::train
