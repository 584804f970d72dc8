// SPDX-License-Identifier: Apache-2.0
// Ranges of counts, other spellings and home folders in the config of a run.
#include <cstdlib>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/core/config/print.h"
#include "weft/kernels/embedding.h"
#include "weft/kernels/library/matmul_plans.h"
#include "weft/kernels/library/tf32.h"
#include "weft/train/run/run_config.h"

namespace weft::train {
namespace {

constexpr const char* kRunYaml = "data: digits\nmodel: mlp\n";

RunConfig run_config(const std::vector<std::string>& overrides) {
  return config::load_text<RunConfig>(kRunYaml, "a.yaml", overrides).value;
}

std::string run_refusal(const std::vector<std::string>& overrides) {
  try {
    run_config(overrides);
  } catch (const config::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(RunConfig, EveryCountHasARange) {
  EXPECT_EQ(run_refusal({"run.threads=4294967297"}),
            "command line: run.threads: expected an integer from 0 to 1024, got '4294967297'");
  EXPECT_EQ(run_config({"run.threads=1024"}).run.threads, 1024);
  EXPECT_EQ(run_refusal({"dist.timeout=0"}),
            "command line: dist.timeout: expected an integer from 1 to 1000000, got '0'");
  EXPECT_EQ(run_refusal({"dist.port=65536"}),
            "command line: dist.port: expected an integer from 0 to 65535, got '65536'");
  EXPECT_EQ(run_config({"run.seed=9223372036854775807"}).run.seed, 9223372036854775807);
  for (const char* key :
       {"train.epochs", "train.batch_size", "train.accumulate", "train.max_steps",
        "train.overfit_batches", "data.subset", "data.train_size", "data.test_size",
        "model.hidden[0]", "checkpoint.keep_last", "checkpoint.keep_best"}) {
    const std::string message = run_refusal({"model.hidden=[1]", std::string(key) + "=1000000001"});
    EXPECT_TRUE(message.ends_with("got '1000000001'; at most 1000000000 is allowed")) << message;
    EXPECT_EQ(run_refusal({"model.hidden=[1]", std::string(key) + "=1000000000"}), "accepted");
  }
}

TEST(RunConfig, RanksAreOptionsOfTheTrainer) {
  const RunConfig config =
      run_config({"dist={bucket_mb: 3, shard_optimizer: true, sync_batch_norm: false}"});
  const RankOptions ranks = config.trainer_options().ranks;
  EXPECT_EQ(ranks.bucket_mb, 3);
  EXPECT_TRUE(ranks.shard_optimizer && !ranks.sync_batch_norm && ranks.group == nullptr);
}

TEST(RunConfig, Tf32IsOffUnlessAsked) {
  const RunConfig plain = run_config({}), fast = run_config({"run.tf32=true"});
  EXPECT_FALSE(plain.run.tf32);
  EXPECT_TRUE(fast.run.tf32);
  EXPECT_EQ(config::to_yaml(plain).find("tf32"), std::string::npos);  // as in older runs
  EXPECT_NE(config::to_yaml(fast).find("  tf32: true\n"), std::string::npos);
  EXPECT_EQ(run_refusal({"run.tf32=maybe"}).find("command line: run.tf32: expected"), 0u);
  RunOptions before;
  before.autotune = kernels::matmul_autotune();
  before.atomics = kernels::embedding_atomics;
  RunOptions options = before;
  options.tf32 = true;
  apply_to_process(options);
  EXPECT_TRUE(kernels::allow_tf32);
  apply_to_process(before);
  EXPECT_FALSE(kernels::allow_tf32);
}

TEST(RunConfig, LanguageModelingIsAnotherSpelling) {
  for (const char* option :
       {"task=language_modeling", "loss=language_modeling", "loss={type: language_modeling}"})
    EXPECT_EQ(run_config({option}).objective.loss.name(), "language_modelling") << option;
  EXPECT_EQ(run_config({"task=language_modeling"}).objective.task, "language_modelling");
  EXPECT_EQ(LossRecipe::of("language_modeling").name(), "language_modelling");
  EXPECT_NE(run_refusal({"task=language"})
                .find("one of binary_classification, classification, language_modelling, "
                      "regression"),
            std::string::npos);
}

TEST(RunConfig, SaysThatAPathIsRequired) {
  EXPECT_EQ(run_refusal({"plugins=[{a: 1}]"}),
            "command line: plugins[0]: expected a path, got a section");
  EXPECT_EQ(run_refusal({"plugins={a: 1}"}),
            "command line: plugins: expected a list of paths, got a section");
  EXPECT_EQ(run_refusal({"resume=[a]"}),
            "command line: resume: expected a path of a checkpoint or run, never or auto, got a "
            "list");
  EXPECT_EQ(run_refusal({"run.dir={a: 1}"}),
            "command line: run.dir: expected a path, got a section");
}

TEST(RunConfig, PathsMayBeginWithTheHomeFolder) {
  const char* before = std::getenv("HOME");
  const std::string saved = before == nullptr ? "" : before;
  setenv("HOME", "/home/me", 1);
  const RunConfig config =
      run_config({"run.dir=~/runs/a", "resume=~/b", "model.pretrained.path=~/w.safetensors"});
  EXPECT_EQ(config.run.dir, "/home/me/runs/a");
  EXPECT_EQ(config.resume.from, "/home/me/b");
  EXPECT_EQ(config.model.common.pretrained->path, "/home/me/w.safetensors");
  EXPECT_EQ(run_config({"run.dir=./~"}).run.dir, "./~");
  EXPECT_EQ(run_config({"data={type: text, path: ~/x.txt}"})
                .data.recipe.options_if<data::TextSource>()
                ->path,
            "/home/me/x.txt");
  EXPECT_EQ(run_refusal({"run.dir=~no-such-user/x"}),
            "command line: run.dir: expected a path, got '~no-such-user/x'; its home folder is not "
            "known; write the whole path, or ./~ for a folder ~");
  if (before != nullptr) setenv("HOME", saved.c_str(), 1);
}

}  // namespace
}  // namespace weft::train
