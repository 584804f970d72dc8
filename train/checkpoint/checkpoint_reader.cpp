// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/checkpoint_reader.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "weft/core/files.h"
#include "weft/core/json_field.h"
#include "weft/core/nearest.h"

namespace weft::train {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kStateSchema = 2;
constexpr i64 kMostLogBytes = i64{1} << 62;
using StateField = JsonField<Json>;

Json read_json(const fs::path& path) {
  constexpr i64 kLargest = i64{1} << 30;
  return parse_json<Json>(read_file(path, kLargest), path.filename().string());
}

// A metric whose value is null was NaN; it is read as if it had not been measured.
std::map<std::string, double> metrics_of(const StateField& json) {
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : json.entries())
    if (!value.json().is_null()) metrics[name] = value.number();
  return metrics;
}

i64 count_of(const StateField& json) { return json.integer(0, static_cast<i64>(kMostSaved)); }

// Which files are cut, and at which size, follows from these.
std::map<std::string, i64> log_sizes_of(const fs::path& folder, const StateField& json) {
  std::map<std::string, i64> sizes;
  for (const auto& [name, size] : json.entries()) {
    WEFT_CHECK(name == kMetricsLines || name == kMetricsTable,
               "checkpoint {}: {} has the size of a log '{}'; {} and {} are the logs of a run",
               folder.string(), kTrainerStateFile, name, kMetricsLines, kMetricsTable);
    sizes[name] = size.integer(0, kMostLogBytes);
  }
  return sizes;
}

std::string object_text(const StateField& field) {
  field.entries();  // throws for another type
  return field.json().dump();
}

CheckpointAbout about_of(const fs::path& folder, const StateField& json) {
  const i64 schema = json.at("schema").integer();
  WEFT_CHECK(schema == kStateSchema,
             "checkpoint {}: {} is of schema {}; schema {} is required, of this version of weft",
             folder.string(), kTrainerStateFile, schema, kStateSchema);
  CheckpointAbout about{.epoch = count_of(json.at("epoch")),
                        .batch = count_of(json.at("batch")),
                        .step = count_of(json.at("step")),
                        .samples = count_of(json.at("samples")),
                        .ended = json.at("ended").text(),
                        .metrics = metrics_of(json.at("metrics")),
                        .logs = log_sizes_of(folder, json.at("logs")),
                        .config = json.at("config").text()};
  for (const auto& [name, value] : json.at("environment").entries())
    about.environment[name] = value.text();
  if (const auto lines = json.find("log_lines")) about.log_lines = log_sizes_of(folder, *lines);
  if (const auto place = json.find("data_place")) about.data_place = place->text();
  return about;
}

// Returns what `read` takes from trainer_state.json. An error of its JSON names the checkpoint.
template <class F>
auto read_state(const fs::path& folder, const F& read) {
  try {
    const Json json = read_json(folder / kTrainerStateFile);
    return read(StateField(json, ""));
  } catch (const JsonError& error) {
    fail("checkpoint {}: {} is not what weft writes ({}); another checkpoint is required",
         folder.string(), kTrainerStateFile, error.what());
  }
}

}  // namespace

std::string trainer_state_text(const CheckpointAbout& about, const StateParts& parts,
                               TensorMap& tensors) {
  Json json{{"schema", kStateSchema},   {"epoch", about.epoch},     {"batch", about.batch},
            {"step", about.step},       {"samples", about.samples}, {"ended", about.ended},
            {"metrics", Json::object()}};
  for (const auto& [name, value] : about.metrics)
    json["metrics"][name] = std::isfinite(value) ? Json(value) : Json(nullptr);
  json["environment"] = about.environment;
  json["logs"] = about.logs;
  json["log_lines"] = about.log_lines;
  json["config"] = about.config;
  if (!about.data_place.empty()) json["data_place"] = about.data_place;
  json["state"] = Json::object();
  for (const auto& [part, record] : parts) {
    json["state"][part] = parse_json<Json>(record.json, "checkpoint: the state of " + part);
    for (const auto& [path, tensor] : record.tensors) tensors[part + "." + path] = tensor;
  }
  return json.dump(1) + "\n";
}

CheckpointReader::CheckpointReader(fs::path folder)
    : folder_(std::move(folder)), manifest_(verify_checkpoint(folder_)) {
  read_state(folder_, [&](const StateField& root) {
    about_ = about_of(folder_, root);
    for (const auto& [part, state] : root.at("state").entries())
      parts_[part].json = object_text(state);
  });
  // The longest matching name is the part, because names of parts have dots too.
  for (auto& [name, tensor] : read_safetensors(file(kOptimizerFile))) {
    std::string part;
    for (const auto& [candidate, record] : parts_)
      if (name.starts_with(candidate + ".") && candidate.size() > part.size()) part = candidate;
    WEFT_CHECK(!part.empty(), "checkpoint {}: {} has '{}', which belongs to no part of the run",
               folder_.string(), kOptimizerFile, name);
    parts_[part].tensors[name.substr(part.size() + 1)] = tensor;
  }
}

std::string CheckpointReader::file(const std::string& name) const {
  check_listed(folder_, manifest_, name);
  return (folder_ / name).string();
}

std::vector<std::string> CheckpointReader::parts() const {
  std::vector<std::string> names;
  for (const auto& [name, record] : parts_) names.push_back(name);
  return names;
}

const StateRecord& CheckpointReader::part(const std::string& name) const {
  const auto found = parts_.find(name);
  WEFT_CHECK(found != parts_.end(),
             "checkpoint {}: it has no state of '{}'; it has that of {}: the same strategy and "
             "callbacks are required",
             folder_.string(), name, listed(parts()));
  return found->second;
}

std::map<std::string, double> metrics_of_checkpoint(const fs::path& folder) {
  verify_checkpoint_file(folder, kTrainerStateFile);
  return read_state(folder,
                    [](const StateField& state) { return metrics_of(state.at("metrics")); });
}

std::optional<i64> step_of_checkpoint(const fs::path& folder) {
  try {
    verify_checkpoint_file(folder, kTrainerStateFile);
    return read_state(folder, [](const StateField& state) { return count_of(state.at("step")); });
  } catch (const Error&) {  // whoever uses the checkpoint says why
    return std::nullopt;
  }
}

std::string data_place_of_checkpoint(const fs::path& folder) {
  verify_checkpoint_file(folder, kTrainerStateFile);
  return read_state(folder, [](const StateField& state) {
    const auto place = state.find("data_place");
    return place ? place->text() : std::string();
  });
}

}  // namespace weft::train
