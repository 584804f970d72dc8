// SPDX-License-Identifier: Apache-2.0
#include "weft/train/checkpoint/model_metadata.h"

#include <nlohmann/json.hpp>

#include "weft/core/json.h"
#include "weft/core/config/config.h"

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

nlohmann::json json_entry(const std::string& file,
                          const std::map<std::string, std::string>& metadata,
                          const std::string& key) {
  return parse_json<nlohmann::json>(entry(file, metadata, key),
                                    fmt::format("{}: its metadata '{}'", file, key));
}

}  // namespace

std::map<std::string, std::string> metadata_of(const ModelMetadata& model) {
  const nlohmann::ordered_json input{
      {"sample", std::vector<i64>(model.input.sample.begin(), model.input.sample.end())},
      {"dtype", name_of(model.sample_dtype)},
      {"outputs", model.input.outputs}};
  const nlohmann::ordered_json normalize{{"mean", model.normalization.mean},
                                         {"std", model.normalization.std}};
  return {{"format", "pt"},
          {"weft", WEFT_VERSION},
          {"architecture", config::to_yaml(Architecture{model.model})},
          {"input", input.dump()},
          {"normalize", normalize.dump()},
          {"classes", nlohmann::ordered_json(model.class_names).dump()}};
}

ModelMetadata read_model_metadata(const std::string& file,
                                  const std::map<std::string, std::string>& metadata) {
  ModelMetadata model;
  model.model =
      config::load_text<Architecture>(entry(file, metadata, "architecture"), file).value.model;
  try {
    const auto input = json_entry(file, metadata, "input");
    model.input = {Shape(input.at("sample").get<std::vector<i64>>()),
                   input.at("outputs").get<i64>()};
    model.sample_dtype = dtype_named(input.at("dtype").get<std::string>());
    const auto normalize = json_entry(file, metadata, "normalize");
    model.normalization = {normalize.at("mean").get<std::vector<double>>(),
                           normalize.at("std").get<std::vector<double>>()};
    model.class_names = json_entry(file, metadata, "classes").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: its metadata is damaged ({}); a weights file written by weft train is required", file,
         e.what());
  }
  return model;
}

}  // namespace weft::train
