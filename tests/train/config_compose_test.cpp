// SPDX-License-Identifier: Apache-2.0
// Configs put together from files.
#include "weft/core/config/compose.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"
#include "weft/tests/support/scratch_folder.h"
#include "weft/core/files.h"
#include "weft/core/config/merge.h"
#include "weft/core/config/parse.h"

namespace weft::config {
namespace {

namespace fs = std::filesystem;
using sample::Config;

class ConfigCompose : public test_support::InScratchFolder {
 protected:
  ConfigCompose() : InScratchFolder("compose") {}
  void SetUp() override {
    before_ = fs::current_path();
    fs::current_path(folder_);
  }
  void TearDown() override { fs::current_path(before_); }

  static void write(const std::string& name, const std::string& text) {
    fs::create_directories(fs::path("./" + name).parent_path());
    std::ofstream(name) << text;
  }
  static Config loaded(const std::string& name, const std::vector<std::string>& overrides = {}) {
    return load<Config>(name, overrides).value;
  }
  static std::string refusal(const std::string& name,
                             const std::vector<std::string>& overrides = {}) {
    try {
      loaded(name, overrides);
    } catch (const ConfigError& error) {
      return error.what();
    }
    return "accepted";
  }

  fs::path before_;
};

TEST_F(ConfigCompose, FilesAndGroupsComeBeforeTheFilesOwnKeys) {
  write("base.yaml", "seed: 5\ntrain: {epochs: 7, batch_size: 8}\nhidden: [1, 2]");
  write("optimizer/fast.yaml", "type: momentum\nlr: 2\nmomentum: 0.5");
  write("a.yaml",
        "defaults: [base, optimizer: fast]\ntrain: {epochs: 9}\noptimizer: {lr: 3}\nhidden: [4]");
  const Config config = loaded("a.yaml");
  EXPECT_EQ(config.seed, 5);
  EXPECT_EQ(config.train.epochs, 9);
  EXPECT_EQ(config.train.batch_size, 8);
  EXPECT_EQ(config.hidden, std::vector<i64>{4});
  const auto* optimizer = config.optimizer.options_if<sample::MomentumOptions>();
  ASSERT_NE(optimizer, nullptr);
  EXPECT_EQ(optimizer->lr, 3);
  EXPECT_EQ(optimizer->momentum, 0.5);
}

TEST_F(ConfigCompose, SelfSaysWhereTheFilesOwnKeysCome) {
  write("base.yaml", "seed: 5");
  write("first.yaml", "defaults: [_self_, base]\nseed: 1");
  write("last.yaml", "defaults: [base, _self_]\nseed: 1");
  EXPECT_EQ(loaded("first.yaml").seed, 5);
  EXPECT_EQ(loaded("last.yaml").seed, 1);
}

TEST_F(ConfigCompose, AnotherTypeReplacesTheWholeSection) {
  write("base.yaml", "optimizer: {type: momentum, lr: 2, momentum: 0.5}\nprecision: bf16");
  write("a.yaml", "defaults: [base]\noptimizer: {type: adaptive}\nprecision: {loss_scale: 4}");
  const Config config = loaded("a.yaml");
  EXPECT_EQ(config.optimizer.options_if<sample::AdaptiveOptions>()->lr, 1e-3);
  EXPECT_EQ(config.precision.type, sample::Format::bf16);
  EXPECT_EQ(config.precision.loss_scale, 4);
}

TEST_F(ConfigCompose, FilesInFoldersFindTheirOwnDefaults) {
  write("common/base.yaml", "defaults: [deeper/seed]\ntrain: {epochs: 2}");
  write("common/deeper/seed.yaml", "seed: 77");
  write("runs/a.yaml", "defaults: [../common/base.yaml]");
  EXPECT_EQ(loaded("runs/a.yaml").seed, 77);
  EXPECT_EQ(loaded("runs/a.yaml").train.epochs, 2);
}

TEST_F(ConfigCompose, OptionalOnesMayBeMissingAndNullChoosesNothing) {
  write("a.yaml", "defaults: [optional local, optional optimizer: mine, optimizer: null]\nseed: 3");
  EXPECT_EQ(loaded("a.yaml").seed, 3);
  write("local.yaml", "hidden: [9]");
  write("optimizer/mine.yaml", "lr: 0.125");
  EXPECT_EQ(loaded("a.yaml").hidden, std::vector<i64>{9});
  EXPECT_EQ(loaded("a.yaml").optimizer.options_if<sample::AdaptiveOptions>()->lr, 0.125);
}

TEST_F(ConfigCompose, OverrideChangesAChoiceOfAFileAbove) {
  write("optimizer/one.yaml", "{type: momentum, lr: 1}");
  write("optimizer/two.yaml", "{type: adaptive, lr: 2}");
  write("base.yaml", "defaults: [optimizer: one]");
  write("a.yaml", "defaults: [base, override optimizer: two]");
  write("b.yaml", "defaults: [a, override optimizer: one]");
  EXPECT_EQ(loaded("base.yaml").optimizer.name(), "momentum");
  EXPECT_EQ(loaded("a.yaml").optimizer.name(), "adaptive");
  EXPECT_EQ(loaded("b.yaml").optimizer.name(), "momentum");
  write("c.yaml", "defaults:\n  - override optimizer: two");
  EXPECT_EQ(refusal("c.yaml"),
            "c.yaml:2:5: defaults: expected a group that an entry of this list "
            "chooses, got 'optimizer'");
}

TEST_F(ConfigCompose, MistakesInEachFileAreReportedThere) {
  write("base.yaml", "train:\n  epoch: 5");
  write("optimizer/fast.yaml", "type: momentum\n\nlr: -2");
  write("a.yaml", "defaults: [base, optimizer: fast]\nseed: x");
  EXPECT_EQ(refusal("a.yaml"),
            "a.yaml:2:1: seed: expected an integer, got 'x'\n"
            "base.yaml:2:3: train.epoch: expected a key of train (epochs, batch_size, clip_norm, "
            "capture), got 'epoch'; did you mean 'epochs'?\n"
            "optimizer/fast.yaml:3:1: optimizer.lr: expected a number above 0, got '-2'");
}

TEST_F(ConfigCompose, MissingFilesNameTheNearest) {
  write("digits.yaml", "");
  write("a.yaml", "defaults:\n  - digit");
  write("b.yaml", "defaults: [optimizer: fats]");
  write("optimizer/fast.yaml", "");
  EXPECT_EQ(refusal("digts.yaml"),
            "digts.yaml: expected the file digts.yaml, which does not exist; did "
            "you mean 'digits.yaml'?");
  EXPECT_EQ(refusal("nowhere/x.yaml"),
            "nowhere/x.yaml: expected the file nowhere/x.yaml, which does not exist");
  EXPECT_EQ(refusal("a.yaml"),
            "a.yaml:2:5: defaults: expected the file digit.yaml, which does not "
            "exist; did you mean 'digits.yaml'?");
  EXPECT_EQ(refusal("b.yaml"),
            "b.yaml:1:12: defaults: expected the file optimizer/fats.yaml, which does "
            "not exist; did you mean 'fast.yaml'?");
  EXPECT_EQ(refusal("optimizer"), "optimizer: expected a file, got the folder optimizer");
  // Its first page is not there to be read, which is no mistake in the config.
  EXPECT_THROW(load<Config>("/proc/self/mem"), IoError);
}

TEST_F(ConfigCompose, CyclesDepthAndMalformedListsAreRefused) {
  write("a.yaml", "defaults: [b]");
  write("b.yaml", "defaults: [a]");
  EXPECT_EQ(refusal("a.yaml"),
            "b.yaml:1:12: defaults: expected files that do not include each other, "
            "got a.yaml again");
  for (int i = 0; i < 30; ++i)
    write("deep" + std::to_string(i) + ".yaml", "defaults: [deep" + std::to_string(i + 1) + "]");
  EXPECT_NE(refusal("deep0.yaml").find("expected at most 100 files, 16 in each other"),
            std::string::npos);
  write("wide.yaml", "defaults: [c0, c0]");
  for (int i = 0; i < 8; ++i) {
    const std::string next = "c" + std::to_string(i + 1);
    write("c" + std::to_string(i) + ".yaml", "defaults: [" + next + ", " + next + "]");
  }
  write("c8.yaml", "seed: 1");
  EXPECT_NE(refusal("wide.yaml").find("expected at most 100 files"), std::string::npos);
  write("m.yaml", "defaults: base");
  EXPECT_EQ(refusal("m.yaml"),
            "m.yaml:1:11: defaults: expected a list such as [base, {optimizer: sgd}]");
  write("n.yaml", "defaults: [[x], {a: 1, b: 2}, {optimizer: }]");
  const std::string message =
      " defaults: expected a file (base), a choice (optimizer: sgd) or _self_";
  EXPECT_EQ(refusal("n.yaml"),
            "n.yaml:1:12:" + message + "\nn.yaml:1:17:" + message + "\nn.yaml:1:31:" + message);
}

TEST_F(ConfigCompose, OverridesComeLast) {
  write("base.yaml", "seed: 5");
  write("a.yaml", "defaults: [base]\nseed: 6");
  EXPECT_EQ(loaded("a.yaml", {"seed=7"}).seed, 7);
}

TEST_F(ConfigCompose, OriginsNameTheFileOfEachValue) {
  write("base.yaml", "seed: 5\nresume: auto");
  write("a.yaml", "defaults: [base]\n\nseed: 6");
  const auto origins = load<Config>("a.yaml").origins;
  EXPECT_EQ(origins.at("seed").to_string(), "a.yaml:3:1");
  EXPECT_EQ(origins.at("resume").to_string(), "base.yaml:2:1");
  EXPECT_EQ(origins.count("hidden"), 0u);
}

}  // namespace
}  // namespace weft::config
