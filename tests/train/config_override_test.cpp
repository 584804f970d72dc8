// SPDX-License-Identifier: Apache-2.0
// Options of the command line, and the environment.
#include "weft/core/config/overrides.h"

#include <cstdlib>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"

namespace weft::config {
namespace {

using sample::parsed;
using sample::refusal;

constexpr const char* kYaml = R"(seed: 3
optimizer: {type: momentum, lr: 0.5, momentum: 0.9}
train: {epochs: 5}
precision: bf16
callbacks: [{type: stopper, patience: 7}, stopper]
)";

TEST(ConfigOverride, SetsValuesAtAnyDepth) {
  const auto config =
      parsed(kYaml, {"seed=1e1", "train.batch_size=8", "optimizer.lr=0.25", "hidden=[1, 2]",
                     "callbacks[0].patience=9", "callbacks[1].mode=max", "precision.loss_scale=2",
                     "checkpoint.every=20ba", "resume=a=b"});
  EXPECT_EQ(config.seed, 10);
  EXPECT_EQ(config.train.batch_size, 8);
  EXPECT_EQ(config.train.epochs, 5);
  const auto* optimizer = config.optimizer.options_if<sample::MomentumOptions>();
  EXPECT_EQ(optimizer->lr, 0.25);
  EXPECT_EQ(optimizer->momentum, 0.9);
  EXPECT_EQ(config.hidden, (std::vector<i64>{1, 2}));
  EXPECT_EQ(config.callbacks[0].options_if<sample::StopperOptions>()->patience, 9);
  EXPECT_EQ(config.callbacks[1].options_if<sample::StopperOptions>()->mode, "max");
  EXPECT_EQ(config.precision.type, sample::Format::bf16);
  EXPECT_EQ(config.precision.loss_scale, 2);
  EXPECT_EQ(config.checkpoint->every, Duration("20ba"));
  EXPECT_EQ(config.resume, "a=b");
}

TEST(ConfigOverride, AWholeSectionReplacesTheFilesOne) {
  const auto config = parsed(kYaml, {"optimizer=adaptive", "optimizer.lr=1"});
  EXPECT_EQ(config.optimizer.options_if<sample::AdaptiveOptions>()->lr, 1);
  EXPECT_EQ(parsed(kYaml, {"train={batch_size: 2}"}).train.epochs, 10);
}

TEST(ConfigOverride, ATypeAloneKeepsTheOtherKeysWhichMustFit) {
  EXPECT_EQ(refusal(kYaml, {"optimizer.type=adaptive"}),
            "a.yaml:2:38: optimizer.momentum: expected a key of rule 'adaptive' (type, lr, "
            "weight_decay, betas, param_groups), got 'momentum'");
}

TEST(ConfigOverride, PlusAppendsOrAddsAndTildeRemoves) {
  const auto config =
      parsed(kYaml, {"+callbacks={type: stopper, patience: 2}", "~optimizer.momentum", "~seed",
                     "+hidden=[4]", "~callbacks[0]"});
  ASSERT_EQ(config.callbacks.size(), 2u);
  EXPECT_EQ(config.callbacks[0].options_if<sample::StopperOptions>()->patience, 3);
  EXPECT_EQ(config.callbacks[1].options_if<sample::StopperOptions>()->patience, 2);
  EXPECT_EQ(config.optimizer.options_if<sample::MomentumOptions>()->momentum, 0);
  EXPECT_EQ(config.seed, 1);
  EXPECT_EQ(config.hidden, std::vector<i64>{4});
}

TEST(ConfigOverride, TheLastOfSeveralWins) {
  EXPECT_EQ(parsed(kYaml, {"seed=4", "seed=5"}).seed, 5);
}

TEST(ConfigOverride, ATextIsTakenAsItIs) {
  for (const char* text :
       {"x #y", "a\nb", "|",   ">",  "--- a", "&a x", "- a", "a: b", "*x", "@a",
        "%x",   "`a",   " a ", ",5", "...",   "a\"b", "?",   "\"",   "'",  "\"a"})
    EXPECT_EQ(parsed(kYaml, {std::string("resume=") + text}).resume, text);
  EXPECT_EQ(parsed(kYaml, {"resume='a #b'"}).resume, "a #b");
  EXPECT_EQ(parsed(kYaml, {"resume=\"a\\tb\""}).resume, "a\tb");
  EXPECT_EQ(parsed(kYaml, {"resume=!!str 5"}).resume, "5");
}

TEST(ConfigOverride, MistakesAreReportedAtTheCommandLine) {
  const std::vector<std::pair<const char*, const char*>> cases{
      {"train.epochs", "command line: train.epochs: expected key=value"},
      {"train.epochs=x", "command line: train.epochs: expected an integer of at least 0, got 'x'"},
      {"train.epochs='5'",
       "command line: train.epochs: expected an integer of at least 0, got the text "
       "\"5\"; remove the quotes"},
      {"train.epochs=",
       "command line: train.epochs: expected an integer of at least 0, got an empty "
       "value; write a value, or remove the key"},
      {"train.epoch=5",
       "command line: train.epoch: expected a key of train (epochs, batch_size, "
       "clip_norm, capture), got 'epoch'; did you mean 'epochs'?"},
      {"batch_size=5",
       "command line: batch_size: expected a key of the config (resume, seed, hidden, "
       "optimizer, train, precision, checkpoint, callbacks), got 'batch_size'; did you "
       "mean 'train.batch_size'?"},
      {"train..epochs=5",
       "command line: train..epochs: expected a dotted path such as train.epochs or "
       "callbacks[0].patience"},
      {"[0]=5",
       "command line: [0]: expected a dotted path such as train.epochs or callbacks[0].patience"},
      {"callbacks[x]=5",
       "command line: callbacks[x]: expected a dotted path such as train.epochs or "
       "callbacks[0].patience"},
      {"=5", "command line: expected a dotted path such as train.epochs or callbacks[0].patience"},
      {"callbacks[2].mode=max",
       "command line: callbacks[2].mode: expected an index below 2, got 2"},
      {"callbacks.mode=max",
       "command line: callbacks.mode: expected an index such as [0] before 'mode', as this is a "
       "list"},
      {"callbacks[0]={mode: max}",
       "command line: callbacks[0]: expected a type, one of stopper, got none"},
      {"optimizer.lr=,5",
       "command line: optimizer.lr: expected a number above 0, got ',5'; write 0.5, with a decimal "
       "point"},
      {"seed=a: b", "command line: seed: expected an integer, got 'a: b'"},
      {"hidden=[1,", "command line: hidden: expected YAML: end of sequence flow not found"},
      {"+seed=5",
       "command line: seed: expected a list or a key that is not there yet, after +; leave "
       "out the + to replace"},
      {"~train.epoch",
       "command line: train.epoch: expected a key that the config gives, after ~; did you "
       "mean 'epochs'?"},
      {"~checkpoint.every",
       "command line: checkpoint.every: expected a key that the config gives, after ~"}};
  for (const auto& [option, message] : cases)
    EXPECT_EQ(refusal(kYaml, {option}), message) << option;
}

TEST(ConfigOverride, AFilesMistakesStayInTheFile) {
  EXPECT_EQ(refusal("train: {epochs: x}", {"train.batch_size=4"}),
            "a.yaml:1:9: train.epochs: expected an integer of at least 0, got 'x'");
  EXPECT_EQ(refusal("train: {epochs: x}", {"train.epochs=4"}), "accepted");
}

TEST(ConfigOverride, EnvironmentVariablesStandInValues) {
  setenv("WEFT_TEST_FOLDER", "/data", 1);
  setenv("WEFT_TEST_SEED", "12", 1);
  unsetenv("WEFT_TEST_NOTHING");
  EXPECT_EQ(parsed("resume: ${env:WEFT_TEST_FOLDER}/x/${env:WEFT_TEST_SEED}").resume, "/data/x/12");
  EXPECT_EQ(parsed("seed: ${env:WEFT_TEST_SEED}").seed, 12);
  EXPECT_EQ(parsed("", {"seed=${env:WEFT_TEST_SEED}"}).seed, 12);
  EXPECT_EQ(parsed("seed: ${env:WEFT_TEST_NOTHING,7}").seed, 7);
  EXPECT_EQ(parsed("resume: $HOME").resume, "$HOME");
  EXPECT_EQ(refusal("seed: \"${env:WEFT_TEST_SEED}\""),
            "a.yaml:1:1: seed: expected an integer, got the text \"12\"; remove the quotes");
  EXPECT_EQ(
      refusal("train:\n  epochs: ${env:WEFT_TEST_NOTHING}"),
      "a.yaml:2:3: train.epochs: expected the environment variable WEFT_TEST_NOTHING, which is "
      "not set; ${env:WEFT_TEST_NOTHING,default} has a default");
  EXPECT_EQ(refusal("resume: ${run.dir}"),
            "a.yaml:1:1: resume: expected ${env:NAME}, got '${run.dir}'");
  EXPECT_EQ(refusal("resume: ${env:X"), "a.yaml:1:1: resume: expected ${env:NAME}, got '${env:X'");
}

}  // namespace
}  // namespace weft::config
