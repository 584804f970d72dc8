// SPDX-License-Identifier: Apache-2.0
#include "weft/view/history.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/json_field.h"
#include "weft/core/printable.h"
#include "weft/core/regular_file.h"
#include "weft/view/scale.h"

namespace weft::view {
namespace {

constexpr const char* kMetricsFile = "metrics.jsonl";
constexpr i64 kSchema = 1;
// Bounds for a file that comes from elsewhere. A run of 1,000 classes has lines of some megabytes.
constexpr i64 kMostBytes = i64{1} << 30, kMostLineBytes = i64{64} << 20, kChunk = i64{4} << 20;
constexpr std::size_t kMostSeries = 5000, kMostName = 300, kMostClasses = 2000, kTail = 64;
constexpr i64 kMostStep = i64{1} << 53;
constexpr u64 kMostCount = u64{1} << 40;

using MetricsJson = nlohmann::ordered_json;

bool is_place(const std::string& key) {
  return key == "schema" || key == "event" || key == "epoch" || key == "step";
}

// A list of rows of counts, all of one length. Sums of 4 million of them fit in an i64.
std::optional<Table> table_of(const MetricsJson& value) {
  if (!value.is_array() || value.empty() || value.size() > kMostClasses) return std::nullopt;
  Table table;
  for (const MetricsJson& row : value) {
    if (!row.is_array() || row.size() != value[0].size() || row.size() > kMostClasses)
      return std::nullopt;
    std::vector<i64>& numbers = table.emplace_back();
    for (const MetricsJson& number : row) {
      if (!number.is_number_unsigned() || number.get<u64>() > kMostCount) return std::nullopt;
      numbers.push_back(number.get<i64>());
    }
  }
  return table;
}

}  // namespace

struct History::Parsed {
  MetricsJson json = {};
  std::string event = {};
  i64 step = 0;
};

History::History(std::filesystem::path folder) : folder_(std::move(folder)) {
  WEFT_CHECK(kind_behind(folder_) == PathKind::folder,
             "{}: is not a folder; the folder of a run is required",
             printable_line(folder_.string()));
  const PathKind kind = kind_of(folder_ / kMetricsFile);
  WEFT_CHECK(kind == PathKind::none || kind == PathKind::file, "{}: it is {}; a file is required",
             printable_line((folder_ / kMetricsFile).string()),
             kind == PathKind::link     ? "a link, which is not followed"
             : kind == PathKind::folder ? "a folder"
                                        : "no file");
  // A run that has just begun has no metrics yet.
  WEFT_CHECK(kind == PathKind::file || kind_of(folder_ / "config.yaml") == PathKind::file,
             "{}: is not the folder of a run, because it has no file {}; the folder of a run is "
             "required",
             printable_line(folder_.string()), kMetricsFile);
  update();
}

const Series& History::series(const std::string& name) const {
  static const Series none;
  const auto found = series_.find(name);
  return found == series_.end() ? none : found->second;
}

void History::forget() {
  offset_ = lines_ = damaged_ = last_step_ = 0;
  tail_.clear();
  series_.clear();
  tables_.clear();
  test_.clear();
  failure_.reset();
  rebuilds_.clear();
  epoch_ends_.clear();
}

bool History::update() {
  if (offset_ == 0 && kind_of(folder_ / kMetricsFile) == PathKind::none) return false;
  const RegularFile file((folder_ / kMetricsFile).string());
  const std::string subject = printable_line(folder_.string()) + ": " + kMetricsFile;
  file.defect().check(subject, "the file of a run is required");
  WEFT_CHECK(file.bytes() <= kMostBytes, "{} has {} bytes; at most {} are required", subject,
             file.bytes(), kMostBytes);
  bool changed = false;
  std::string before(tail_.size(), '\0');
  const bool cut = file.bytes() < offset_ ||
                   !file.read(before.data(), static_cast<i64>(before.size()),
                              offset_ - static_cast<i64>(before.size()))
                        .empty() ||
                   before != tail_;
  if (cut) {
    forget();
    changed = true;
  }
  std::string text;  // what is not yet read, from offset_
  for (i64 at = offset_; at < file.bytes();) {
    const i64 bytes = std::min(kChunk, file.bytes() - at);
    const std::size_t held = text.size();
    text.resize(held + static_cast<std::size_t>(bytes));
    file.read(text.data() + held, bytes, at).check(subject, "a file that stays is required");
    at += bytes;
    std::size_t begin = 0;
    for (std::size_t end; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
      read_line(std::string_view(text).substr(begin, end - begin));
      changed = true;
    }
    offset_ += static_cast<i64>(begin);
    if (begin > 0) tail_ = text.substr(begin > kTail ? begin - kTail : 0, std::min(begin, kTail));
    text.erase(0, begin);
    WEFT_CHECK(static_cast<i64>(text.size()) <= kMostLineBytes,
               "{}: line {} has more than {} bytes; a line of metrics is required", subject,
               lines_ + 1, kMostLineBytes);
  }
  return changed;
}

void History::read_line(std::string_view line) {
  const std::string subject =
      fmt::format("{}: {}: line {}", printable_line(folder_.string()), kMetricsFile, ++lines_);
  Parsed parsed;
  try {
    parsed.json = parse_json<MetricsJson>(line, subject);
  } catch (const JsonError&) {  // a killed process or a full disk has cut it off
    if (lines_ == 1) throw;
    ++damaged_;
    return;
  }
  const JsonField root(parsed.json, subject);
  const i64 schema = root.at("schema").integer();
  WEFT_CHECK(schema == kSchema, "{}: schema is {}; schema {} is required", subject, schema,
             kSchema);
  parsed.event = root.at("event").text();
  parsed.step = root.at("step").integer(0, kMostStep);
  last_step_ = std::max(last_step_, parsed.step);
  if (parsed.event == "epoch")
    epoch_ends_.push_back({root.at("epoch").integer(0, kMostStep), parsed.step});
  failure_.reset();
  if (parsed.event == "failed") failure_ = root.at("reason").text();
  else if (parsed.event == "rebuild") rebuilds_.push_back(parsed.step);
  else take(parsed);
}

void History::take(const Parsed& parsed) {
  const bool plain =
      parsed.event == "epoch" || parsed.event == "validation" || parsed.event == "test";
  for (const auto& [key, value] : parsed.json.items()) {
    if (is_place(key) || key.size() + parsed.event.size() > kMostName) continue;
    const std::string name = plain ? key : parsed.event + "/" + key;
    if (value.is_number() || value.is_null()) {
      const double number =
          value.is_null() ? std::numeric_limits<double>::quiet_NaN() : value.get<double>();
      if (parsed.event == "test") test_[name] = number;
      else add(name, parsed.step, number);
    } else if (tables_.size() < kMostSeries) {
      if (auto table = table_of(value)) tables_[name] = std::move(*table);
    }
  }
}

void History::add(const std::string& name, i64 step, double value) {
  if (series_.size() >= kMostSeries && series_.count(name) == 0) return;
  Series& series = series_[name];
  // A validation at the last step of an epoch is in the event of the epoch too.
  if (!series.empty() && series.back().step == step) series.back().value = value;
  else series.push_back({step, value});
}

std::string damage_note(const History& history) {
  const i64 lines = history.damaged_lines();
  if (lines == 0) return "";
  return fmt::format("metrics.jsonl has {}, which {} left out", counted(lines, "damaged line"),
                     lines == 1 ? "is" : "are");
}

double History::epoch_of(i64 step) const {
  if (epoch_ends_.empty()) return 0;
  auto end = std::find_if(epoch_ends_.begin(), epoch_ends_.end(),
                          [&](const EpochEnd& each) { return each.step >= step; });
  if (end == epoch_ends_.end()) --end;  // after the last epoch, at its pace
  const EpochEnd from = end == epoch_ends_.begin() ? EpochEnd{} : *std::prev(end);
  if (end->step == from.step) return static_cast<double>(end->epoch);
  return static_cast<double>(from.epoch) + static_cast<double>(step - from.step) *
                                               static_cast<double>(end->epoch - from.epoch) /
                                               static_cast<double>(end->step - from.step);
}

}  // namespace weft::view
