// SPDX-License-Identifier: Apache-2.0
// Small whole runs for the tests of callbacks, in a folder of their own; warnings are kept.
#pragma once
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "weft/core/log.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train::testing_callbacks {

namespace fs = std::filesystem;

inline constexpr const char* kConfig = R"(
data: {type: digits, train_size: 120, test_size: 20, validation_split: 0.25}
model: {type: mlp, hidden: [8]}
optimizer: {type: sgd, lr: 0.05}
train: {epochs: 4, batch_size: 30}
)";

class CallbackRun : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("weft-callbacks-test-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    before_ = set_log_sink([this](LogLevel level, std::string_view message) {
      if (level == LogLevel::warning) warnings_.emplace_back(message);
    });
  }
  void TearDown() override {
    set_log_sink(before_);
    fs::remove_all(folder_);
  }

  RunConfig config(std::vector<std::string> overrides) const {
    overrides.push_back("run.dir=" + (folder_ / "run").string());
    return config::load_text<RunConfig>(kConfig, "test.yaml", overrides).value;
  }
  fs::path file(const char* name) const { return folder_ / "run" / name; }
  std::vector<nlohmann::json> events(const std::string& kind) const {
    std::vector<nlohmann::json> found;
    std::ifstream stream(file("metrics.jsonl"));
    for (std::string line; std::getline(stream, line);)
      if (auto event = nlohmann::json::parse(line); event["event"] == kind) found.push_back(event);
    return found;
  }

  fs::path folder_;
  std::vector<std::string> warnings_;

 private:
  LogSink before_;
};

}  // namespace weft::train::testing_callbacks
