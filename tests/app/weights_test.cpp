// SPDX-License-Identifier: Apache-2.0
// `--weights` of evaluate, predict and export: the weights of a run with `ema`.
#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/nn/safetensors.h"
#include "weft/tests/app/run_command.h"
#include "weft/tests/app/small_config.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::app {
namespace {

namespace fs = std::filesystem;

class Weights : public test_support::InScratchFolder {
 protected:
  Weights() : InScratchFolder("weights") { testing_app::write_small_config(folder_); }
  testing_app::Result weft(const std::string& arguments) {
    return testing_app::run_command(folder_, arguments);
  }
  double loss_of(const std::string& arguments) {
    const auto result = weft("evaluate run --json " + arguments);
    EXPECT_EQ(result.code, 0) << result.output;
    return nlohmann::json::parse(result.output).at("loss");
  }
};

TEST_F(Weights, OfARunWithEmaAreChosenByName) {
  const auto trained = weft("train small.yaml run.dir=run 'callbacks=[{type: ema, decay: 0.99}]'");
  ASSERT_EQ(trained.code, 0) << trained.output;
  EXPECT_NE(trained.output.find("test, weights ema: loss "), std::string::npos) << trained.output;
  EXPECT_NE(trained.output.find("Next: weft evaluate run --weights ema"), std::string::npos)
      << trained.output;

  std::ifstream metrics(folder_ / "run/metrics.jsonl");
  nlohmann::json last;
  for (std::string line; std::getline(metrics, line);) last = nlohmann::json::parse(line);
  EXPECT_NEAR(loss_of("--weights ema"), last.at("test/loss").get<double>(), 1e-6);
  EXPECT_GT(std::abs(loss_of("") - last.at("test/loss").get<double>()), 1e-4);
  EXPECT_NE(weft("evaluate run --checkpoint best --weights ema").output.find(", weights ema:"),
            std::string::npos);

  EXPECT_EQ(weft("export run own.safetensors").code, 0);
  EXPECT_EQ(weft("export run averaged.safetensors --weights ema").code, 0);
  const TensorMap own = read_safetensors((folder_ / "own.safetensors").string()),
                  averaged = read_safetensors((folder_ / "averaged.safetensors").string()),
                  saved =
                      read_safetensors((folder_ / "run/checkpoints/last/ema.safetensors").string());
  ASSERT_EQ(averaged.size(), own.size());
  for (const auto& [name, tensor] : averaged) {
    EXPECT_EQ(tensor.to_vector<float>(), saved.at(name).to_vector<float>()) << name;
    EXPECT_NE(tensor.to_vector<float>(), own.at(name).to_vector<float>()) << name;
  }
  EXPECT_NE(weft("predict run none.png --weights ema").output.find("none.png"), std::string::npos);
}

TEST_F(Weights, ThatACheckpointDoesNotHaveAreRefused) {
  ASSERT_EQ(weft("train small.yaml run.dir=run train.epochs=1").code, 0);
  for (const char* command : {"evaluate run", "export run x.safetensors", "predict run none.png"}) {
    const auto refused = weft(std::string(command) + " --weights ema");
    EXPECT_EQ(refused.code, 2) << command;
    EXPECT_NE(refused.output.find("has no ema.safetensors"), std::string::npos) << refused.output;
  }
  EXPECT_EQ(weft("evaluate run --weights other").code, 2);
}

// Each fails with exit code 3 and a reason, before a test.
TEST_F(Weights, ARunThatTrainedNothingIsAFailure) {
  for (const char* keys : {"'loss.class_weights=[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]'",
                           "precision=fp16 precision.init_scale=1e30 precision.max_scale=1e38"}) {
    fs::remove_all(folder_ / "run");
    const auto failed = weft(std::string("train small.yaml run.dir=run ") + keys);
    EXPECT_EQ(failed.code, 3) << failed.output;
    EXPECT_EQ(failed.output.find("test:"), std::string::npos) << failed.output;
    EXPECT_NE(failed.output.find(" is required"), std::string::npos) << failed.output;
  }
}

}  // namespace
}  // namespace weft::app
