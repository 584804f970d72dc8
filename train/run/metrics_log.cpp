// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/metrics_log.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <sstream>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/files.h"
#include "weft/core/log.h"

namespace weft::train {
namespace {

constexpr int kMetricsSchema = 1;

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

constexpr i64 kUnknown = -1;  // lines of a file that cannot be read
constexpr std::array kLogs{kMetricsLines, kMetricsTable};

// The part of a text up to the end of its n-th line, or of its last whole line.
LogPart first_lines(std::string_view text, i64 lines) {
  LogPart part;
  for (std::size_t end = 0; part.lines < lines; ++part.lines) {
    end = text.find('\n', part.bytes);
    if (end == text.npos) break;
    part.bytes = end + 1;
  }
  return part;
}

// A map has no entry for what a checkpoint of an older weft does not say.
i64 entry(const std::map<std::string, i64>& values, const std::string& name, i64 otherwise) {
  const auto found = values.find(name);
  return found == values.end() ? otherwise : found->second;
}

}  // namespace

LogPart log_until(std::string_view text, i64 bytes, i64 lines) {
  const std::string_view head = text.substr(0, static_cast<std::size_t>(bytes));
  const i64 lines_in_head = std::count(head.begin(), head.end(), '\n');
  const bool whole =
      static_cast<i64>(head.size()) == bytes && (head.empty() || head.ends_with('\n'));
  if (whole && (lines < 0 || lines == lines_in_head)) return {head.size(), lines_in_head, ""};
  const i64 wanted = lines >= 0 ? lines : lines_in_head + (whole || head.empty() ? 0 : 1);
  LogPart part = first_lines(text, wanted);
  part.note = part.lines < wanted || static_cast<i64>(text.size()) < bytes
                  ? fmt::format(
                        "was cut since the checkpoint, which had {} bytes of it: its first "
                        "{} lines are kept",
                        bytes, part.lines)
                  : fmt::format(
                        "was changed since the checkpoint, which had {} bytes of it: its "
                        "first {} lines are kept, which have {}",
                        bytes, part.lines, part.bytes);
  if (part.lines < wanted && part.bytes < text.size()) part.note += "; a part of a line is dropped";
  return part;
}

std::map<std::string, i64> MetricsLog::sizes() const {
  return {{kMetricsLines, folder_.size(kMetricsLines)},
          {kMetricsTable, folder_.size(kMetricsTable)}};
}

std::map<std::string, i64> MetricsLog::lines() const {
  std::map<std::string, i64> known;
  for (const char* name : kLogs)
    if (const i64 lines = entry(lines_, name, 0); lines != kUnknown) known[name] = lines;
  return known;
}

void MetricsLog::restore(const CheckpointAbout& at, const std::filesystem::path& other) {
  for (const char* name : kLogs) {
    try {
      restore_file(name, at, other);
    } catch (const Error& error) {
      lines_[name] = kUnknown;
      log_warning("resume: {} is not cut to the checkpoint: {}", folder_.file(name).string(),
                  error.what());
    }
  }
}

void MetricsLog::restore_file(const std::string& name, const CheckpointAbout& at,
                              const std::filesystem::path& other) {
  constexpr i64 kLargest = i64{1} << 30;
  const i64 bytes = entry(at.logs, name, 0);
  const std::filesystem::path source = other.empty() ? folder_.file(name) : other / name;
  std::string text;
  if (kind_of(source) != PathKind::none) {
    text = read_file(source, kLargest);
  } else if (bytes > 0) {
    log_warning(
        "resume: {} is missing, and with it {} bytes up to the checkpoint; {} begins after "
        "it",
        source.string(), bytes, folder_.file(name).string());
  }
  const LogPart part = log_until(text, text.empty() ? 0 : bytes,
                                 text.empty() ? 0 : entry(at.log_lines, name, kUnknown));
  if (!part.note.empty()) log_warning("resume: {} {}", source.string(), part.note);
  text.resize(part.bytes);
  if (other.empty() || text.empty()) folder_.cut(name, static_cast<i64>(text.size()));
  else folder_.write(name, text);
  lines_[name] = part.lines;
  if (name == kMetricsTable) take_columns(text.substr(0, text.find('\n')));
}

void MetricsLog::clear() {
  for (const char* name : kLogs) folder_.cut(name, 0);
}

void MetricsLog::take_columns(std::string header) {
  if (header.ends_with('\r')) header.pop_back();  // of an editor
  columns_.clear();
  std::istringstream names(header);
  for (std::string column; std::getline(names, column, ',');) columns_.push_back(column);
  has_header_ = !columns_.empty();
}

void MetricsLog::begin_table(const std::set<std::string>& metrics) {
  if (!columns_.empty()) return;
  columns_ = {"epoch", "step", "samples", "lr"};
  columns_.insert(columns_.end(), metrics.begin(), metrics.end());
  columns_.insert(columns_.end(), {"skipped_steps", "samples_per_second", "seconds"});
  write_header();
}

// Called again by each epoch until it is written.
void MetricsLog::write_header() {
  if (!has_header_)
    has_header_ = append(kMetricsTable, fmt::format("{}", fmt::join(columns_, ",")));
}

bool MetricsLog::append(const std::string& name, const std::string& line) {
  i64& lost = lost_[name];
  try {
    folder_.append(name, line);
  } catch (const Error& error) {
    if (lost++ == 0) log_warning("metrics: {}; the run goes on without these lines", error.what());
    return false;
  }
  if (lines_[name] != kUnknown) ++lines_[name];
  if (lost > 0)
    log_warning("metrics: {} can be written again; {} lines are missing in it",
                folder_.file(name).string(), std::exchange(lost, 0));
  return true;
}

void MetricsLog::add(const EpochReport& report) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema},       {"event", "epoch"},
                              {"epoch", report.train.epoch},    {"step", report.step},
                              {"samples", report.samples_seen}, {"lr", number(report.train.lr)}};
  for (const auto& [name, value] : report.metrics) line[name] = number(value);
  if (report.validation_samples > 0) line["validation_samples"] = report.validation_samples;
  line["skipped_steps"] = report.train.skipped;
  line["samples_per_second"] = number(report.train.samples_per_second);
  line["seconds"] = number(report.seconds);
  nlohmann::ordered_json with_tables = line;
  for (const auto& [name, table] : report.tables) with_tables[name] = rows_of(table);
  append(kMetricsLines, with_tables.dump());

  line.erase("schema");
  line.erase("event");
  if (columns_.empty())
    for (const auto& [name, value] : line.items()) columns_.push_back(name);
  write_header();
  std::string row;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto found = line.find(columns_[i]);
    const std::string cell = found == line.end() || found->is_null() ? "" : found->dump();
    row += (i == 0 ? "" : ",") + cell;
  }
  append(kMetricsTable, row);
}

void MetricsLog::add_test(i64 step, const Evaluation& evaluation) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema},
                              {"event", "test"},
                              {"step", step},
                              {"samples", evaluation.samples}};
  if (evaluation.weights != "model") line["weights"] = evaluation.weights;
  for (const auto& [name, value] : evaluation.metrics) line["test/" + name] = number(value);
  for (const auto& [name, table] : evaluation.tables) line["test/" + name] = rows_of(table);
  append(kMetricsLines, line.dump());
}

void MetricsLog::add_validation(i64 epoch, i64 step, const Evaluation& evaluation, i64 samples) {
  nlohmann::ordered_json line{
      {"schema", kMetricsSchema}, {"event", "validation"}, {"epoch", epoch}, {"step", step}};
  for (const auto& [name, value] : evaluation.metrics) line["validation/" + name] = number(value);
  if (samples > 0) line["validation_samples"] = samples;
  append(kMetricsLines, line.dump());
}

void MetricsLog::add_rebuild(i64 epoch, i64 step, const optim::RebuildReport& report) {
  const nlohmann::ordered_json line{{"schema", kMetricsSchema}, {"event", "rebuild"},
                                    {"epoch", epoch},           {"step", step},
                                    {"kept", report.kept},      {"created", report.created},
                                    {"parked", report.stashed}, {"returned", report.restored}};
  append(kMetricsLines, line.dump());
}

// The reason may name a file in any encoding.
void MetricsLog::add_failure(i64 epoch, i64 step, const std::string& reason) {
  using Json = nlohmann::ordered_json;
  const Json line{{"schema", kMetricsSchema},
                  {"event", "failed"},
                  {"epoch", epoch},
                  {"step", step},
                  {"reason", reason}};
  append(kMetricsLines, line.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void MetricsLog::add_event(const std::string& event, i64 step,
                           const std::map<std::string, double>& values) {
  nlohmann::ordered_json line{{"schema", kMetricsSchema}, {"event", event}, {"step", step}};
  for (const auto& [name, value] : values) line[name] = number(value);
  append(kMetricsLines, line.dump());
}

}  // namespace weft::train
