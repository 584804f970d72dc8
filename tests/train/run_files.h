// SPDX-License-Identifier: Apache-2.0
// Run folders in tests: making them, reading them, and comparing the results of two runs.
#pragma once
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/config/config.h"
#include "weft/core/log.h"
#include "weft/core/sha256.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train::testing_runs {

namespace fs = std::filesystem;

using test_support::InScratchFolder;
using test_support::ScratchFolder;

inline std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}
inline void write(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// Trains a small model in the folder `run`, for two epochs of four steps if `keys` do not say
// otherwise. Throws what the run throws.
inline RunReport train_small(const fs::path& run, std::vector<std::string> keys) {
  keys.push_back("run.dir=" + run.string());
  const RunConfig config = config::load_text<RunConfig>(R"(
data: {type: digits, train_size: 60, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [8]}
train: {epochs: 2, batch_size: 12}
)",
                                                        "test.yaml", keys)
                               .value;
  return Orchestrator(config, "test").train();
}

// The events of metrics.jsonl, without the values that depend on the clock.
inline std::vector<std::string> events_of(const fs::path& run) {
  std::vector<std::string> events;
  std::ifstream file(run / "metrics.jsonl");
  for (std::string line; std::getline(file, line);) {
    auto event = nlohmann::ordered_json::parse(line);
    event.erase("seconds");
    event.erase("samples_per_second");
    events.push_back(event.dump());
  }
  return events;
}

// The results of a finished run: each line of its metrics, the rows of the table, and the SHA-256
// of its weights and of the other state that training would continue with.
inline std::map<std::string, std::vector<std::string>> outcome_of(const fs::path& run) {
  std::map<std::string, std::vector<std::string>> outcome{{"metrics", events_of(run)}};
  std::ifstream table(run / "metrics.csv");
  for (std::string line; std::getline(table, line);)
    outcome["table"].push_back(line.substr(0, line.rfind(',', line.rfind(',') - 1)));
  for (const char* file : {"model.safetensors", "optimizer.safetensors", "ema.safetensors"})
    if (fs::exists(run / "checkpoints/last" / file))
      outcome[file] = {sha256_of_file((run / "checkpoints/last" / file).string())};
  return outcome;
}

// Collects all log messages during its lifetime.
class Log {
 public:
  Log() {
    before_ = set_log_sink([this](LogLevel level, std::string_view message) {
      text_ += (level == LogLevel::warning ? "warning: " : "") + std::string(message) + "\n";
    });
  }
  ~Log() { set_log_sink(before_); }
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  const std::string& text() const { return text_; }
  bool has(const std::string& part) const { return text_.find(part) != std::string::npos; }
  void clear() { text_.clear(); }

 private:
  LogSink before_;
  std::string text_;
};

}  // namespace weft::train::testing_runs
