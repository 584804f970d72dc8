// SPDX-License-Identifier: Apache-2.0
// The fine-tuning example: its exact sequence of events, and its benefit.
#include <algorithm>
#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/tests/support/scratch_folder.h"
#include "weft/nn/safetensors.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;
constexpr const char* kStagedUnfreeze = WEFT_SOURCE_ROOT "/configs/finetune_staged_unfreeze.yaml";

class FineTune : public test_support::InScratchFolder {
 protected:
  FineTune() : InScratchFolder("finetune") {}
  RunReport run(const char* name, std::vector<std::string> overrides) const {
    overrides.push_back("run.dir=" + (folder_ / name).string());
    Orchestrator orchestrator(load_run_config(kStagedUnfreeze, overrides).value, name, overrides);
    return orchestrator.train();
  }
};

std::string joined(const nlohmann::json& names) {
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : " ") + name.get<std::string>();
  return text;
}

TEST_F(FineTune, FreezesAndUnfreezesInExactlyThisOrder) {
  run("run", {"data.train_size=142", "data.test_size=10"});  // 128 samples: two steps an epoch
  std::vector<std::string> events;
  std::ifstream stream(folder_ / "run/metrics.jsonl");
  for (std::string line; std::getline(stream, line);) {
    const auto event = nlohmann::json::parse(line);
    if (event["event"] == "rebuild")
      events.push_back(
          fmt::format("rebuild at step {}: kept [{}] created [{}] parked [{}] returned [{}]",
                      event["step"].get<i64>(), joined(event["kept"]), joined(event["created"]),
                      joined(event["parked"]), joined(event["returned"])));
    else
      events.push_back(fmt::format("{} at step {}", event["event"].get<std::string>(),
                                   event["step"].get<i64>()));
  }
  const std::string head =
      "classifier.2.weight classifier.2.bias classifier.5.weight classifier.5.bias";
  const std::string low = "features.0.weight features.1.weight features.1.bias",
                    norm = "features.5.weight features.5.bias";
  const std::vector<std::string> expected{
      "rebuild at step 0: kept [" + head + "] created [] parked [" + low + " features.4.weight " +
          norm + "] returned []",
      "epoch at step 2",
      "epoch at step 4",
      "epoch at step 6",
      "rebuild at step 6: kept [" + head + "] created [] parked [] returned [features.4.weight]",
      "epoch at step 8",
      "epoch at step 10",
      "epoch at step 12",
      "rebuild at step 12: kept [features.4.weight " + head + "] created [] parked [] returned [" +
          low + " " + norm + "]",
      "epoch at step 14",
      "epoch at step 16",
      "epoch at step 18",
      "epoch at step 20",
      "test at step 20"};
  EXPECT_EQ(events, expected);
}

TEST_F(FineTune, TakesItsBackboneAndNormalizationFromTheFileBesideTheConfig) {
  const RunConfig config = load_run_config(kStagedUnfreeze).value;
  const std::string path = config.model.common.pretrained->path;
  EXPECT_EQ(fs::path(path), fs::path(WEFT_SOURCE_ROOT "/configs/backbones/digits_cnn.safetensors"));
  EXPECT_LT(fs::file_size(path), 500'000u);
  RunConfig small =
      load_run_config(kStagedUnfreeze, {"data.train_size=100", "data.test_size=10"}).value;
  Orchestrator orchestrator(small, "test");
  const TensorMap backbone = read_safetensors(path);
  for (const nn::NamedParameter& p : orchestrator.model().named_parameters()) {
    if (p.name != "features.1.weight") continue;
    EXPECT_EQ(p.variable.value().to_vector<float>(), backbone.at(p.name).to_vector<float>());
  }
  // The statistics are those of pen strokes; outlines have more ink.
  const double pretrained = orchestrator.data().normalization.mean[0];
  small.data.common.normalize = Normalize::dataset;
  EXPECT_GT(load_data(small).normalization.mean[0], pretrained + 0.005);

  RunConfig without = load_run_config(WEFT_SOURCE_ROOT "/configs/digits_mlp.yaml",
                                      {"data.normalize=pretrained", "data.train_size=200"})
                          .value;
  EXPECT_THROW(load_data(without), UserError);
}

TEST_F(FineTune, SlowBeatsTheHeadAlone) {
  const RunReport staged = run("staged", {});
  const RunReport head = run(
      "head", {"strategy={type: staged_unfreeze, stages: [{at: 0ep, train: [\"classifier.*\"]}]}"});
  std::printf("test accuracy: staged %.4f, head alone %.4f\n", staged.test->accuracy,
              head.test->accuracy);
  EXPECT_GT(staged.test->accuracy, head.test->accuracy + 0.1);
}

}  // namespace
}  // namespace weft::train
