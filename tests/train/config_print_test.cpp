// SPDX-License-Identifier: Apache-2.0
// Printing back, origins, schema, differences.
#include "weft/core/config/print.h"

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"

namespace weft::config {
namespace {

using sample::Config;
using sample::parsed;

constexpr const char* kYaml = R"(resume: runs/a b
hidden: [64, 32]
optimizer: {type: adaptive, lr: 3e-4, param_groups: [{match: ["*.bias"], weight_decay: 0}, {match: [x]}]}
train: {epochs: 5, clip_norm: 1}
precision: bf16
checkpoint: {every: 200ba}
callbacks: [stopper, {type: stopper, mode: max}]
)";

constexpr const char* kResolved = R"(resume: "runs/a b"
seed: 1
hidden: [64, 32]
optimizer:
  type: adaptive
  lr: 0.0003
  weight_decay: 0.01
  betas: [0.9, 0.999]
  param_groups:
    - match: ["*.bias"]
      weight_decay: 0
    - match: [x]
      weight_decay: null
train:
  epochs: 5
  batch_size: 64
  clip_norm: 1
  capture: false
precision:
  type: bf16
  loss_scale: 65536
checkpoint:
  every: 200ba
  keep_last: 2
callbacks:
  - type: stopper
    monitor: validation/loss
    mode: min
    patience: 3
  - type: stopper
    monitor: validation/loss
    mode: max
    patience: 3
)";

TEST(ConfigPrint, EveryKeyIsPrintedAndReadsBackEqual) {
  EXPECT_EQ(to_yaml(parsed(kYaml)), kResolved);
  EXPECT_EQ(to_yaml(parsed(kResolved)), kResolved);
  EXPECT_EQ(to_yaml(parsed(to_yaml(Config{}))), to_yaml(Config{}));
}

TEST(ConfigPrint, NumbersAndTextsReadBackExactly) {
  for (const double lr :
       {0.1, 1.1754943508222875e-38, 3.4028234663852886e38, 1.0 / 3, 1e22, 123456789.0}) {
    auto config = Config{
        .optimizer = Recipe<sample::Rule>::of("momentum", sample::MomentumOptions{.lr = lr})};
    EXPECT_EQ(parsed(to_yaml(config)).optimizer.options_if<sample::MomentumOptions>()->lr, lr);
  }
  for (const double momentum : {5e-324, 1e-300, 1.0 / 3}) {
    auto config = Config{.optimizer = Recipe<sample::Rule>::of(
                             "momentum", sample::MomentumOptions{.momentum = momentum})};
    EXPECT_EQ(parsed(to_yaml(config)).optimizer.options_if<sample::MomentumOptions>()->momentum,
              momentum);
  }
  for (const char* text :
       {"",   " ",    "null", "~",    "true", "010", "5",   "a: b", "# x", "- a",    "'",   "\"",
        "\\", "a\nb", "\t",   "é",    "\x01", "{",   "[a]", "*x",   "&x",  "!x",     "%",   "@",
        "`",  "|",    ">",    "a #b", "a:",   "=",   "<<",  "?",    "1ep", "a\r\nb", "\x7f"}) {
    EXPECT_EQ(parsed(to_yaml(Config{.resume = text})).resume, text) << text;
  }
  for (const i64 seed : {std::numeric_limits<i64>::min(), std::numeric_limits<i64>::max()})
    EXPECT_EQ(parsed(to_yaml(Config{.seed = seed})).seed, seed);
}

TEST(ConfigPrint, OriginsTellFileCommandLineAndDefault) {
  const auto loaded =
      load_text<Config>("optimizer:\n  lr: 1\nprecision: bf16\ncallbacks: [{type: stopper}]",
                        "a.yaml", {"train.epochs=4"});
  const std::string text = to_yaml(loaded);
  for (const char* line :
       {"  lr: 1  # a.yaml:2:3\n", "  type: bf16  # a.yaml:3:1\n", "  epochs: 4  # command line\n",
        "  batch_size: 64  # default\n", "seed: 1  # default\n",
        "  - type: stopper  # a.yaml:4:14\n", "    patience: 3  # default\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
  EXPECT_EQ(to_yaml(parsed(text)), to_yaml(loaded.value));
}

TEST(ConfigPrint, TheSchemaShowsEveryKeyOfEveryEntryAndIsAConfig) {
  const std::string text = schema<Config>();
  for (const char* line :
       {"seed: 1  # an integer; of everything random\n",
        "hidden: [128]  # a list of integers above 0; sizes of the hidden layers\n",
        "optimizer:  # a section or name of rule (adaptive, momentum)\n",
        "  lr: 0.001  # a number above 0; learning rate\n", "  # type: momentum\n",
        "  # momentum: 0  # a number from 0 to below 1\n", "train:  # the loop\n",
        "  # match: []  # required: a list of texts; globs of parameter names\n",
        "checkpoint: null  # a section or null; none if null\n",
        "  # every: 1ep  # a duration such as 3ep or 200ba\n",
        "callbacks: []  # a list of hook entries (stopper); in this order\n",
        "  # patience: 3  # an integer of at least 1; epochs\n"})
    EXPECT_NE(text.find(line), std::string::npos) << line << "is not in\n" << text;
  EXPECT_EQ(to_yaml(parsed(text)), to_yaml(Config{}));
}

TEST(ConfigPrint, DifferencesNameTheChangedPaths) {
  const auto changed =
      differences(parsed("train: {epochs: 5}"),
                  parsed("train: {epochs: 6}\noptimizer: momentum\ncheckpoint: {}"));
  std::map<std::string, std::pair<std::string, std::string>> rows;
  for (const auto& row : changed) rows[row.path] = {row.before, row.after};
  using Pair = std::pair<std::string, std::string>;
  EXPECT_EQ(rows.at("train.epochs"), Pair("5", "6"));
  EXPECT_EQ(rows.at("optimizer.type"), Pair("adaptive", "momentum"));
  EXPECT_EQ(rows.at("optimizer.nesterov"), Pair("", "false"));
  EXPECT_EQ(rows.at("optimizer.weight_decay"), Pair("0.01", ""));
  EXPECT_EQ(rows.at("checkpoint.every"), Pair("", "1ep"));
  EXPECT_EQ(rows.count("seed"), 0u);
  EXPECT_TRUE(differences(Config{}, Config{}).empty());
}

}  // namespace
}  // namespace weft::config
