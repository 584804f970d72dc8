// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/model_metadata.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/json_field.h"
#include "weft/core/config/config.h"
#include "weft/device/allocation_budget.h"
#include "weft/nn/safetensors.h"
#include "weft/train/checkpoint/manifest.h"

namespace weft::train {
namespace {

struct Architecture {
  Recipe<nn::Model> model;
};
void describe(Fields& f, Architecture& o) { f("model", o.model, "architecture"); }

const std::string& entry(const std::string& file,
                         const std::map<std::string, std::string>& metadata,
                         const std::string& key) {
  const auto found = metadata.find(key);
  WEFT_CHECK(found != metadata.end(),
             "{}: its metadata has no '{}'; a weights file written by weft train is required", file,
             key);
  return found->second;
}

std::string text_of(const std::vector<std::string>& names, const char* what) {
  using Json = nlohmann::ordered_json;
  try {
    return Json(names).dump();
  } catch (const Json::type_error&) {
    fail("the {} names {} are not UTF-8; names in UTF-8 are required", what,
         Json(names).dump(-1, ' ', false, Json::error_handler_t::replace));
  }
}

using MetadataField = JsonField<nlohmann::json>;

// Calls `read` with the value of a key, which is JSON.
template <class F>
void read_entry(const std::string& file, const std::map<std::string, std::string>& metadata,
                const std::string& key, const F& read) {
  const std::string place = fmt::format("{}: its metadata '{}'", file, key);
  const auto json = parse_json<nlohmann::json>(entry(file, metadata, key), place);
  read(MetadataField(json, place));
}

template <class F>
auto list_of(const MetadataField& field, const F& value_of) {
  std::vector<decltype(value_of(field))> values;
  for (const MetadataField& item : field.items()) values.push_back(value_of(item));
  return values;
}

constexpr i64 kMostElements = i64{1} << 31;  // of a sample, and outputs

DType dtype_of(const std::string& file, const std::string& name) {
  try {
    return dtype_named(name);
  } catch (const UserError& error) {
    fail("{}: its metadata 'input': {}", file, error.what());
  }
}

void check_sample(const std::string& file, const std::vector<i64>& sizes) {
  i64 elements = 1;
  bool fits = sizes.size() < Shape::kMaxRank;  // a batch has one axis more
  for (const i64 size : sizes)
    fits = fits && size > 0 && !__builtin_mul_overflow(elements, size, &elements) &&
           elements <= kMostElements;
  WEFT_CHECK(
      fits,
      "{}: its metadata has samples of ({}); at most {} sizes from 1 with at most {} elements "
      "are required",
      file, fmt::join(sizes, ", "), Shape::kMaxRank - 1, kMostElements);
}

// What sizes and divisions are made from.
void check_ranges(const std::string& file, const ModelMetadata& model) {
  WEFT_CHECK(model.input.outputs >= 1 && model.input.outputs <= kMostElements,
             "{}: its metadata has {} outputs; an integer from 1 to {} is required", file,
             model.input.outputs, kMostElements);
  data::DatasetInfo info;
  info.sample = model.input.sample;
  info.sample_dtype = model.sample_dtype;
  const auto channels = static_cast<std::size_t>(info.channels());
  const auto& [mean, std] = model.normalization;
  WEFT_CHECK(mean.size() == channels && std.size() == channels,
             "{}: its metadata has {} means and {} stds; {} of each are required, one per channel",
             file, mean.size(), std.size(), channels);
  const auto finite = [](double x) { return std::isfinite(x); };
  const auto divides = [](double x) { return std::isfinite(x) && x > 0 && std::isfinite(1 / x); };
  WEFT_CHECK(
      std::all_of(mean.begin(), mean.end(), finite) && std::all_of(std.begin(), std.end(), divides),
      "{}: its metadata has the normalization {}; finite means and stds above 0 are required", file,
      model.normalization.to_string());
}

}  // namespace

std::map<std::string, std::string> metadata_of(const ModelMetadata& model) {
  const nlohmann::ordered_json input{
      {"sample", std::vector<i64>(model.input.sample.begin(), model.input.sample.end())},
      {"dtype", name_of(model.sample_dtype)},
      {"outputs", model.input.outputs}};
  const nlohmann::ordered_json normalize{{"mean", model.normalization.mean},
                                         {"std", model.normalization.std}};
  std::map<std::string, std::string> all{
      {"format", "pt"},
      {"weft", WEFT_VERSION},
      {"architecture", config::to_yaml(Architecture{model.model})},
      {"input", input.dump()},
      {"normalize", normalize.dump()},
      {"classes", text_of(model.class_names, "class")}};
  if (!model.input_names.empty()) all["inputs"] = text_of(model.input_names, "input");
  return all;
}

ModelMetadata read_model_metadata(const std::string& file,
                                  const std::map<std::string, std::string>& metadata) {
  ModelMetadata model;
  model.model =
      config::load_text<Architecture>(entry(file, metadata, "architecture"), file).value.model;
  read_entry(file, metadata, "input", [&](const MetadataField& input) {
    const std::vector<i64> sizes =
        list_of(input.at("sample"), [](const MetadataField& size) { return size.integer(); });
    check_sample(file, sizes);
    model.input = {Shape(std::span<const i64>(sizes)), input.at("outputs").integer()};
    model.sample_dtype = dtype_of(file, input.at("dtype").text());
    model.input.tokens = model.sample_dtype == DType::int64;
  });
  read_entry(file, metadata, "normalize", [&](const MetadataField& normalize) {
    const auto number = [](const MetadataField& field) { return field.number(); };
    model.normalization = {list_of(normalize.at("mean"), number),
                           list_of(normalize.at("std"), number)};
  });
  const auto text = [](const MetadataField& name) { return name.text(); };
  read_entry(file, metadata, "classes",
             [&](const MetadataField& classes) { model.class_names = list_of(classes, text); });
  if (metadata.contains("inputs"))
    read_entry(file, metadata, "inputs",
               [&](const MetadataField& inputs) { model.input_names = list_of(inputs, text); });
  check_ranges(file, model);
  return model;
}

std::map<std::string, std::string> weights_metadata(const std::string& file) {
  verify_weights(file);
  return read_safetensors_metadata(file);
}

nn::AnyModule make_model(const ModelMetadata& model, const std::string& file) {
  constexpr i64 kTimes = 16, kBesides = i64{64} << 20;  // for activations of the dry run
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  const i64 bytes = error ? 0 : static_cast<i64>(std::min<std::uintmax_t>(size, i64{1} << 50));
  try {
    const AllocationBudget budget(kTimes * bytes + kBesides);
    return model.model.make(model.input);
  } catch (const AllocationBudget::Exceeded& exceeded) {
    fail(
        "{}: its metadata describes a model that takes much more than the {} bytes of the file "
        "({}); an architecture that fits the tensors is required",
        file, bytes, exceeded.what());
  }
}

}  // namespace weft::train
