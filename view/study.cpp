// SPDX-License-Identifier: Apache-2.0
#include "weft/view/study.h"

#include <algorithm>
#include <array>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/json_field.h"
#include "weft/core/printable.h"

namespace weft::view {
namespace {

namespace fs = std::filesystem;
using StudyJson = nlohmann::json;
using StudyField = JsonField<StudyJson>;

constexpr const char* kStudyFile = "tune.json";
constexpr i64 kStudySchema = 1, kMostStudyBytes = i64{64} << 20, kMostStudyNumber = i64{1} << 53;
constexpr std::size_t kMostStudyTrials = 100'000, kMostStudyParameters = 500;
constexpr std::array kOutcomes{"complete", "pruned", "diverged", "failed", "stopped"};

std::string text_or_none(const StudyField& object, std::string_view key) {
  const auto field = object.find(key);
  return !field || field->json().is_null() ? "" : field->text();
}

// JSON has no infinity and no NaN, so that the file has them as texts. Null is no number.
double loss_in(const StudyField& field) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  if (field.json() == "inf") return kInfinity;
  if (field.json() == "-inf") return -kInfinity;
  if (field.json().is_null() || field.json() == "nan")
    return std::numeric_limits<double>::quiet_NaN();
  return field.number();
}

StudyParameter parameter_in(const StudyField& field) {
  StudyParameter parameter{field.at("key").text(), field.at("kind").text()};
  WEFT_CHECK(parameter.kind == "float" || parameter.kind == "int" || parameter.kind == "choice",
             "{}.kind is '{}'; float, int or choice is required", field.place(),
             printable_line(excerpt(parameter.kind)));
  if (parameter.kind == "choice") {
    for (const StudyField& choice : field.at("choices").items())
      parameter.choices.push_back(choice.text());
  } else {
    parameter.low = field.at("low").number();
    parameter.high = field.at("high").number();
    if (const auto step = field.find("step")) parameter.step = step->number();
    if (const auto log = field.find("log")) parameter.logarithmic = log->json() == true;
  }
  if (const auto when = field.find("when"))
    for (const StudyField& each : when->items()) {
      const auto pair = each.items();
      WEFT_CHECK(pair.size() == 2, "{} has {} values; a key and its values are required",
                 each.place(), pair.size());
      std::string values;
      for (const StudyField& value : pair[1].items())
        values += (values.empty() ? "" : " or ") + value.text();
      parameter.condition +=
          (parameter.condition.empty() ? "" : " and ") + pair[0].text() + " is " + values;
    }
  return parameter;
}

StudyTrial trial_in(const StudyField& field) {
  StudyTrial trial{field.at("number").integer(0, kMostStudyNumber), field.at("outcome").text()};
  WEFT_CHECK(std::find(kOutcomes.begin(), kOutcomes.end(), trial.outcome) != kOutcomes.end(),
             "{}.outcome is '{}'; complete, pruned, diverged, failed or stopped is required",
             field.place(), printable_line(excerpt(trial.outcome)));
  trial.loss = loss_in(field.at("loss"));
  for (const auto& [key, value] : field.at("values").entries()) {
    StudyValue& its = trial.values[key];
    if (value.json().is_string()) its.text = value.text();
    else its.number = value.number();
  }
  trial.folder = text_or_none(field, "folder");
  trial.message = text_or_none(field, "message");
  trial.seconds = field.at("seconds").number();
  for (const StudyField& each : field.at("validations").items()) {
    const auto pair = each.items();
    WEFT_CHECK(pair.size() == 2, "{} has {} values; a step and a loss are required", each.place(),
               pair.size());
    trial.validations.emplace_back(pair[0].integer(0, kMostStudyNumber), loss_in(pair[1]));
  }
  return trial;
}

std::vector<StudyField> bounded_items(const StudyField& field, std::size_t most) {
  std::vector<StudyField> items = field.items();
  WEFT_CHECK(items.size() <= most, "{} has {} values; at most {} are required", field.place(),
             items.size(), most);
  return items;
}

fs::path study_file_of(const fs::path& path) {
  return kind_behind(path) == PathKind::folder ? path / kStudyFile : path;
}

// "digits" of digits.tune.json, and the name of a folder.
std::string study_name_of(const fs::path& path) {
  std::error_code error;
  const fs::path whole = fs::weakly_canonical(path, error);
  std::string name = (error ? path : whole).filename().string();
  const std::string ending = std::string(".") + kStudyFile;
  if (name.size() > ending.size() && name.ends_with(ending))
    name.resize(name.size() - ending.size());
  return name;
}

}  // namespace

bool is_study(const std::string& text) {
  const fs::path path(text);
  switch (kind_behind(path)) {
    case PathKind::folder:
      return kind_of(path / kStudyFile) != PathKind::none &&
             kind_of(path / "metrics.jsonl") == PathKind::none;
    case PathKind::file: return path.filename().string().ends_with(kStudyFile);
    default: return false;
  }
}

Study read_study(const std::string& text) {
  const fs::path file = study_file_of(text);
  const std::string subject = printable_line(file.string());
  const auto json = parse_json<StudyJson>(read_file(file, kMostStudyBytes), subject);
  const StudyField root(json, subject);
  const i64 schema = root.at("schema").integer();
  WEFT_CHECK(schema == kStudySchema, "{}: schema is {}; schema {} is required", subject, schema,
             kStudySchema);
  Study study{study_name_of(text)};
  study.config = text_or_none(root, "config");
  study.storage = text_or_none(root, "storage");
  study.folder = text_or_none(root, "folder");
  study.command = text_or_none(root, "command");
  for (const StudyField& each : root.at("overrides").items())
    study.overrides.push_back(each.text());
  for (const StudyField& each : bounded_items(root.at("space"), kMostStudyParameters))
    study.parameters.push_back(parameter_in(each));
  for (const StudyField& each : bounded_items(root.at("trials"), kMostStudyTrials))
    study.trials.push_back(trial_in(each));
  const StudyField best = root.at("best");
  if (best.json().is_null()) return study;
  const i64 number = best.integer();
  const auto found = std::find_if(
      study.trials.begin(), study.trials.end(),
      [&](const StudyTrial& each) { return each.number == number && each.outcome == "complete"; });
  WEFT_CHECK(found != study.trials.end(),
             "{}: best is {}; the number of a trial that is complete is required", subject, number);
  study.best = static_cast<std::size_t>(found - study.trials.begin());
  return study;
}

}  // namespace weft::view
