// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/checkpoint_reader.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "weft/core/files.h"
#include "weft/core/json.h"
#include "weft/core/nearest.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

namespace {

constexpr int kStateSchema = 2;

Json read_json(const fs::path& path) {
  constexpr i64 kLargest = i64{1} << 30;
  return parse_json<Json>(read_file(path, kLargest), path.filename().string());
}

// A metric whose value is null was NaN; it is read as if it had not been measured.
std::map<std::string, double> metrics_of(const Json& json) {
  std::map<std::string, double> metrics;
  for (const auto& [name, value] : json.items())
    if (value.is_number()) metrics[name] = value.get<double>();
  return metrics;
}

// Which files are cut, and at which size, follows from these.
void check_ranges(const fs::path& folder, const CheckpointAbout& about) {
  for (const auto& sizes : {about.logs, about.log_lines})
    for (const auto& [name, size] : sizes) {
      WEFT_CHECK(name == kMetricsLines || name == kMetricsTable,
                 "checkpoint {}: {} has the size of a log '{}'; {} and {} are the logs of a run",
                 folder.string(), kTrainerStateFile, name, kMetricsLines, kMetricsTable);
      WEFT_CHECK(size >= 0, "checkpoint {}: {} has the size {} of {}; a size from 0 is required",
                 folder.string(), kTrainerStateFile, size, name);
    }
  for (const i64 count : {about.epoch, about.batch, about.step, about.samples})
    WEFT_CHECK(count >= 0, "checkpoint {}: {} has a count of {}; counts from 0 are required",
               folder.string(), kTrainerStateFile, count);
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

CheckpointReader::CheckpointReader(fs::path folder) : folder_(std::move(folder)) {
  verify_checkpoint(folder_);
  try {
    const Json json = read_json(folder_ / kTrainerStateFile);
    WEFT_CHECK(json.at("schema") == kStateSchema,
               "checkpoint {}: {} is of schema {}; schema {} is required, of this version of weft",
               folder_.string(), kTrainerStateFile, json.at("schema").dump(), kStateSchema);
    about_ = {.epoch = json.at("epoch").get<i64>(),
              .batch = json.at("batch").get<i64>(),
              .step = json.at("step").get<i64>(),
              .samples = json.at("samples").get<i64>(),
              .ended = json.at("ended").get<std::string>(),
              .metrics = metrics_of(json.at("metrics")),
              .environment = json.at("environment").get<std::map<std::string, std::string>>(),
              .logs = json.at("logs").get<std::map<std::string, i64>>(),
              .log_lines = json.value("log_lines", std::map<std::string, i64>()),
              .config = json.at("config").get<std::string>(),
              .data_place = json.value("data_place", "")};
    check_ranges(folder_, about_);
    for (const auto& [part, state] : json.at("state").items()) parts_[part].json = state.dump();
  } catch (const JsonError& error) {
    fail("checkpoint {}: {}; another checkpoint is required", folder_.string(), error.what());
  } catch (const Json::exception& error) {
    fail("checkpoint {}: {} is not what weft writes ({}); another checkpoint is required",
         folder_.string(), kTrainerStateFile, error.what());
  }
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

namespace {

// trainer_state.json, verified alone.
Json verified_state(const fs::path& folder) {
  verify_checkpoint_file(folder, kTrainerStateFile);
  Json state = read_json(folder / kTrainerStateFile);
  WEFT_CHECK(state.is_object() && state.contains("metrics") && state["metrics"].is_object(),
             "checkpoint {}: {} has no metrics; another checkpoint is required", folder.string(),
             kTrainerStateFile);
  return state;
}

}  // namespace

std::map<std::string, double> metrics_of_checkpoint(const fs::path& folder) {
  return metrics_of(verified_state(folder)["metrics"]);
}

std::string data_place_of_checkpoint(const fs::path& folder) {
  const Json state = verified_state(folder);
  const auto place = state.find("data_place");
  return place != state.end() && place->is_string() ? place->get<std::string>() : "";
}

}  // namespace weft::train
