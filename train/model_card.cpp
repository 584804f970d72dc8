// SPDX-License-Identifier: Apache-2.0
#include "weft/train/model_card.h"

#include <nlohmann/json.hpp>

#include "weft/train/config/config.h"

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

}  // namespace

std::map<std::string, std::string> metadata_of(const ModelCard& card) {
  const nlohmann::ordered_json input{
      {"sample", std::vector<i64>(card.input.sample.begin(), card.input.sample.end())},
      {"dtype", name_of(card.sample_dtype)},
      {"outputs", card.input.outputs}};
  const nlohmann::ordered_json normalize{{"mean", card.normalization.mean},
                                         {"std", card.normalization.std}};
  return {{"format", "pt"},
          {"weft", WEFT_VERSION},
          {"architecture", config::to_yaml(Architecture{card.model})},
          {"input", input.dump()},
          {"normalize", normalize.dump()},
          {"classes", nlohmann::ordered_json(card.class_names).dump()}};
}

std::map<std::string, std::string> model_card(const RunConfig& config,
                                              const data::DatasetInfo& info,
                                              const data::Normalization& normalization) {
  return metadata_of({config.model.recipe,
                      {info.sample, config.loss.make()->outputs(info)},
                      info.sample_dtype,
                      normalization,
                      info.class_names});
}

ModelCard read_model_card(const std::string& file,
                          const std::map<std::string, std::string>& metadata) {
  ModelCard card;
  card.model =
      config::load_text<Architecture>(entry(file, metadata, "architecture"), file).value.model;
  try {
    const auto input = nlohmann::json::parse(entry(file, metadata, "input"));
    card.input = {Shape(input.at("sample").get<std::vector<i64>>()),
                  input.at("outputs").get<i64>()};
    card.sample_dtype = dtype_named(input.at("dtype").get<std::string>());
    const auto normalize = nlohmann::json::parse(entry(file, metadata, "normalize"));
    card.normalization = {normalize.at("mean").get<std::vector<double>>(),
                          normalize.at("std").get<std::vector<double>>()};
    card.class_names =
        nlohmann::json::parse(entry(file, metadata, "classes")).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& e) {
    fail("{}: its metadata is damaged ({}); a weights file written by weft train is required", file,
         e.what());
  }
  return card;
}

}  // namespace weft::train
