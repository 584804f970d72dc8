// SPDX-License-Identifier: Apache-2.0
// A run that came from somebody else: its folder and its checkpoints may be forged.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "weft/core/config/config.h"
#include "weft/core/sha256.h"
#include "weft/tests/train/run_files.h"
#include "weft/train/checkpoint/manifest.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train::testing_runs {

using Keys = std::vector<std::string>;

inline constexpr const char* kReceived = R"(
data: {type: digits, train_size: 60, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [8]}
optimizer: {type: adamw, lr: 1e-3}
train: {epochs: 2, batch_size: 12}
)";

class ReceivedRun : public InScratchFolder {
 protected:
  ReceivedRun() : InScratchFolder("received") {}

  RunReport train(Keys keys = {}, const std::string& name = "run") const {
    keys.push_back("run.dir=" + dir(name).string());
    Orchestrator run(config::load_text<RunConfig>(kReceived, "test.yaml", keys).value, "test");
    return run.train();
  }
  template <class F>
  static std::string refusal(const F& use) {
    try {
      use();
    } catch (const Error& error) {
      return error.what();
    }
    return "accepted";
  }
  std::string refusal_of_resume(Keys keys = {}) const {
    keys.push_back("resume=auto");
    return refusal([&] { train(keys); });
  }
  fs::path checkpoints(const std::string& name = "run") const { return dir(name) / "checkpoints"; }

  // Changes trainer_state.json of a checkpoint, and its manifest with it.
  template <class F>
  static void forge(const fs::path& checkpoint, const F& change) {
    auto state = nlohmann::ordered_json::parse(text_of(checkpoint / kTrainerStateFile));
    change(state);
    write(checkpoint / kTrainerStateFile, state.dump(1));
    Manifest manifest;
    for (const auto& [name, record] : read_manifest(checkpoint)) {
      const std::string text = text_of(checkpoint / name);
      manifest[name] = {static_cast<i64>(text.size()), sha256_of(text)};
    }
    write(checkpoint / kManifestFile, manifest_text(manifest));
  }
  // Makes what `cp -rL` makes of a link: a copy of its target.
  static void make_folder_of_link(const fs::path& link) {
    const fs::path target = fs::canonical(link);
    fs::remove(link);
    fs::copy(target, link, fs::copy_options::recursive);
  }
};

#define EXPECT_SAYS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << text

}  // namespace weft::train::testing_runs
