// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/metrics_log.h"

#include <cmath>
#include <fstream>
#include <sstream>

#include <nlohmann/json.hpp>

#include "weft/core/log.h"

namespace weft::train {
namespace {

constexpr int kMetricsSchema = 1;
constexpr const char *kLines = "metrics.jsonl", *kTable = "metrics.csv";

// JSON has no NaN; null represents it.
nlohmann::ordered_json number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return value;
}

// Converts a table to a list of its rows.
nlohmann::ordered_json rows_of(const Tensor& table) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (i64 r = 0; r < table.size(0); ++r) rows.push_back(table.slice(r, r + 1).to_vector<i64>());
  return rows;
}

}  // namespace

std::map<std::string, i64> MetricsLog::sizes() const {
  return {{kLines, folder_.size(kLines)}, {kTable, folder_.size(kTable)}};
}

void MetricsLog::restore(const std::map<std::string, i64>& sizes,
                         const std::filesystem::path& other) {
  for (const auto& [name, bytes] : sizes) {
    if (other.empty()) {
      folder_.cut(name, bytes);
      continue;
    }
    std::ifstream source(other / name, std::ios::binary);
    std::string text(static_cast<std::size_t>(bytes), '\0');
    source.read(text.data(), bytes);
    if (source) {
      folder_.write(name, text);
    } else {
      folder_.cut(name, 0);
      log_warning("resume: {} does not have the {} bytes up to the checkpoint; {} begins after it",
                  (other / name).string(), bytes, folder_.file(name).string());
    }
  }
  std::ifstream table(folder_.file(kTable));
  columns_.clear();
  std::string header, column;
  std::getline(table, header);
  for (std::istringstream names(header); std::getline(names, column, ',');)
    columns_.push_back(column);
}

void MetricsLog::add(const EpochReport& report) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema},       {"event", "epoch"},
                              {"epoch", report.train.epoch},    {"step", report.step},
                              {"samples", report.samples_seen}, {"lr", number(report.train.lr)}};
  for (const auto& [name, value] : report.metrics) line[name] = number(value);
  line["skipped_steps"] = report.train.skipped;
  line["samples_per_second"] = number(report.train.samples_per_second);
  line["seconds"] = number(report.seconds);
  nlohmann::ordered_json with_tables = line;
  for (const auto& [name, table] : report.tables) with_tables[name] = rows_of(table);
  folder_.append(kLines, with_tables.dump());

  line.erase("schema");
  line.erase("event");
  if (columns_.empty()) {
    std::string header;
    for (const auto& [name, value] : line.items()) {
      columns_.push_back(name);
      header += (header.empty() ? "" : ",") + name;
    }
    folder_.append(kTable, header);
  }
  std::string row;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto found = line.find(columns_[i]);
    const std::string cell = found == line.end() || found->is_null() ? "" : found->dump();
    row += (i == 0 ? "" : ",") + cell;
  }
  folder_.append(kTable, row);
}

void MetricsLog::add_test(i64 step, const Evaluation& evaluation) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema},
                              {"event", "test"},
                              {"step", step},
                              {"samples", evaluation.samples}};
  if (evaluation.weights != "model") line["weights"] = evaluation.weights;
  for (const auto& [name, value] : evaluation.metrics) line["test/" + name] = number(value);
  for (const auto& [name, table] : evaluation.tables) line["test/" + name] = rows_of(table);
  folder_.append(kLines, line.dump());
}

void MetricsLog::add_validation(i64 epoch, i64 step, const Evaluation& evaluation) {
  nlohmann::ordered_json line{
      {"schema", kMetricsSchema}, {"event", "validation"}, {"epoch", epoch}, {"step", step}};
  for (const auto& [name, value] : evaluation.metrics) line["validation/" + name] = number(value);
  folder_.append(kLines, line.dump());
}

void MetricsLog::add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report) {
  const nlohmann::ordered_json line{{"schema", kMetricsSchema}, {"event", "rebuild"},
                                    {"epoch", epoch},           {"step", step},
                                    {"kept", report.kept},      {"created", report.created},
                                    {"parked", report.stashed}, {"returned", report.restored}};
  folder_.append(kLines, line.dump());
}

void MetricsLog::add_event(const std::string& event, i64 step,
                           const std::map<std::string, double>& values) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema}, {"event", event}, {"step", step}};
  for (const auto& [name, value] : values) line[name] = number(value);
  folder_.append(kLines, line.dump());
}

}  // namespace weft::train
