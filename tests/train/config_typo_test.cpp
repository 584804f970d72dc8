// SPDX-License-Identifier: Apache-2.0
// Every single-edit typo of every key is reported at its place, and nearly always with the right
// key.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"
#include "weft/tests/train/config_typos.h"
#include "weft/train/run/run_config.h"

namespace weft::config {
namespace {

namespace fs = std::filesystem;

constexpr const char* kYaml = R"(resume: never
seed: 1
hidden: [64, 32]
optimizer:
  type: adaptive
  lr: 0.001
  weight_decay: 0.01
  betas: [0.9, 0.999]
  param_groups:
    - match: [x]
      weight_decay: 0
train: {epochs: 5, batch_size: 64, clip_norm: 1, capture: false}
precision: {type: bf16, loss_scale: 2}
checkpoint:
  every: 200ba
  keep_last: 2
callbacks:
  - {type: stopper, monitor: x, mode: max, patience: 3}
)";

TEST(ConfigTypos, OfEveryKindOfKeyAreReported) {
  ASSERT_EQ(sample::refusal(kYaml), "accepted");
  const auto count = typos::check_every_typo(
      kYaml, "a.yaml", [](const std::string& yaml) { return sample::refusal(yaml); });
  EXPECT_EQ(count.keys, 27);
  EXPECT_GT(count.typos, 1000);
  EXPECT_GE(count.right, count.typos * 95 / 100) << count.right << " of " << count.typos;
}

// The configs of the project, without their comments.
std::vector<std::pair<std::string, std::string>> shipped_configs() {
  std::vector<std::pair<std::string, std::string>> configs;
  for (const auto& file : fs::recursive_directory_iterator(WEFT_SOURCE_ROOT "/configs")) {
    if (file.path().extension() != ".yaml") continue;
    std::ifstream stream(file.path());
    std::string text;
    for (std::string line; std::getline(stream, line);)
      text += line.substr(0, line.find('#')) + "\n";
    configs.emplace_back(file.path().string(), text);
  }
  return configs;
}

std::string refusal(const std::string& path, const std::string& yaml) {
  try {
    load_text<train::RunConfig>(yaml, path);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(ShippedConfigs, SlowTyposOfEveryKeyAreReported) {
  const auto configs = shipped_configs();
  ASSERT_FALSE(configs.empty());
  for (const auto& config : configs) {
    const auto& path = config.first;
    const auto& yaml = config.second;
    SCOPED_TRACE(path);
    const auto count = typos::check_every_typo(
        yaml, path, [&](const std::string& changed) { return refusal(path, changed); });
    std::printf("%s: %d typos of %d keys, %.1f %% with the right suggestion\n",
                fs::path(path).filename().c_str(), count.typos, count.keys,
                100.0 * count.right / count.typos);
    EXPECT_GT(count.keys, 5);
    EXPECT_GE(count.right, count.typos * 95 / 100) << count.right << " of " << count.typos;
  }
}

TEST(ShippedConfigs, ReadBackEqualWhenResolved) {
  for (const auto& [path, yaml] : shipped_configs()) {
    ASSERT_EQ(refusal(path, yaml), "accepted");
    const std::string resolved = to_yaml(load<train::RunConfig>(path).value);
    EXPECT_EQ(to_yaml(load_text<train::RunConfig>(resolved, path).value), resolved) << path;
  }
}

}  // namespace
}  // namespace weft::config
