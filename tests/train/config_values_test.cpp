// SPDX-License-Identifier: Apache-2.0
// Accepted values, and the messages for values that are refused.
#include <ostream>

#include <gtest/gtest.h>

#include "weft/tests/train/config_sample.h"

namespace weft::config {
namespace {

using sample::parsed;
using sample::refusal;

TEST(ConfigValues, EveryKindIsRead) {
  const auto config = parsed(R"(
resume: runs/a b
seed: -7
hidden: [64, 1e2]
optimizer:
  type: adaptive
  lr: 3e-4
  betas: [.5, 0.75]
  param_groups: [{match: ["*.bias", norm], weight_decay: 0}]
train: {epochs: 1e3, batch_size: 32, clip_norm: 1, capture: true}
precision: bf16
checkpoint: {every: 200ba, keep_last: 5}
callbacks:
  - stopper
  - {type: stopper, mode: max}
)");
  EXPECT_EQ(config.resume, "runs/a b");
  EXPECT_EQ(config.seed, -7);
  EXPECT_EQ(config.hidden, (std::vector<i64>{64, 100}));
  const auto* optimizer = config.optimizer.options_if<sample::AdaptiveOptions>();
  ASSERT_NE(optimizer, nullptr);
  EXPECT_EQ(optimizer->lr, 3e-4);
  EXPECT_EQ(optimizer->betas, (std::vector<double>{0.5, 0.75}));
  ASSERT_EQ(optimizer->param_groups.size(), 1u);
  EXPECT_EQ(optimizer->param_groups[0].match, (std::vector<std::string>{"*.bias", "norm"}));
  EXPECT_EQ(optimizer->param_groups[0].weight_decay, 0.0);
  EXPECT_EQ(config.train.epochs, 1000);
  EXPECT_EQ(config.train.clip_norm, 1.0);
  EXPECT_TRUE(config.train.capture);
  EXPECT_EQ(config.precision.type, sample::Format::bf16);
  EXPECT_EQ(config.precision.loss_scale, 65536);
  ASSERT_TRUE(config.checkpoint);
  EXPECT_EQ(config.checkpoint->every, Duration("200ba"));
  ASSERT_EQ(config.callbacks.size(), 2u);
  EXPECT_EQ(config.callbacks[0].options_if<sample::StopperOptions>()->mode, "min");
  EXPECT_EQ(config.callbacks[1].options_if<sample::StopperOptions>()->mode, "max");
}

TEST(ConfigValues, WhatIsNotGivenKeepsItsDefault) {
  const auto config = parsed("");
  EXPECT_EQ(config.seed, 1);
  EXPECT_EQ(config.optimizer.name(), "adaptive");
  EXPECT_EQ(config.hidden, std::vector<i64>{128});
  EXPECT_FALSE(config.checkpoint);
  EXPECT_EQ(parsed("hidden: []").hidden, std::vector<i64>{});
  EXPECT_EQ(parsed("checkpoint: {}").checkpoint->keep_last, 2);
  EXPECT_FALSE(parsed("checkpoint: null").checkpoint);
  EXPECT_FALSE(parsed("train: {clip_norm: ~}").train.clip_norm);
}

TEST(ConfigValues, SectionsKeepTheDefaultTypeOfAChoice) {
  const auto config = parsed("optimizer: {lr: 0.5}");
  EXPECT_EQ(config.optimizer.options_if<sample::AdaptiveOptions>()->lr, 0.5);
}

struct Case {
  const char* yaml;
  const char* message;
};
void PrintTo(const Case& c, std::ostream* out) { *out << c.yaml; }

class ConfigRefusals : public testing::TestWithParam<Case> {};

TEST_P(ConfigRefusals, SayWhereWhatAndWhatInstead) {
  EXPECT_EQ(refusal(GetParam().yaml), GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(
    Values, ConfigRefusals,
    testing::Values(
        Case{"seed: \"5\"",
             "a.yaml:1:1: seed: expected an integer, got the text \"5\"; remove the quotes"},
        Case{"seed: '5x'", "a.yaml:1:1: seed: expected an integer, got the text \"5x\""},
        Case{"seed: !!str 5",
             "a.yaml:1:1: seed: expected an integer, got the text \"5\"; remove the quotes"},
        Case{"seed: 010",
             "a.yaml:1:1: seed: expected an integer, got '010'; write 10, as a leading "
             "zero means octal to some readers"},
        Case{"seed: -007",
             "a.yaml:1:1: seed: expected an integer, got '-007'; write -7, as a leading "
             "zero means octal to some readers"},
        Case{"seed: 00",
             "a.yaml:1:1: seed: expected an integer, got '00'; write 0, as a leading zero "
             "means octal to some readers"},
        Case{"seed: 0x10", "a.yaml:1:1: seed: expected an integer, got '0x10'"},
        Case{"seed: 1_000", "a.yaml:1:1: seed: expected an integer, got '1_000'; write 1000"},
        Case{"seed: 0_001", "a.yaml:1:1: seed: expected an integer, got '0_001'"},
        Case{"seed: 1,000", "a.yaml:1:1: seed: expected an integer, got '1,000'; write 1000"},
        Case{"seed: 1,5", "a.yaml:1:1: seed: expected an integer, got '1,5'"},
        Case{"seed: 1,000.5", "a.yaml:1:1: seed: expected an integer, got '1,000.5'"},
        Case{"optimizer:\n  lr: 1,000",
             "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1,000'; write 1.000 for a "
             "decimal comma, or 1000 for thousands"},
        Case{
            "hidden: (16, 32)",
            "a.yaml:1:1: hidden: expected a list of integers above 0, got '(16, 32)'; write [16, 32]"},
        Case{"seed: -1,234,567",
             "a.yaml:1:1: seed: expected an integer, got '-1,234,567'; write -1234567"},
        Case{"seed: 1,2,3", "a.yaml:1:1: seed: expected an integer, got '1,2,3'"},
        Case{
            "optimizer:\n  lr: 0,001",
            "a.yaml:2:3: optimizer.lr: expected a number above 0, got '0,001'; write 0.001, with a "
            "decimal point"},
        Case{
            "optimizer:\n  lr: 1,5e-3",
            "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1,5e-3'; write 1.5e-3, with "
            "a decimal point"},
        Case{"optimizer:\n  lr: 1.000,5",
             "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1.000,5'; write 1000.5, "
             "with a decimal point"},
        Case{"optimizer:\n  lr: 1,000.5",
             "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1,000.5'; write 1000.5"},
        Case{
            "optimizer: {lr: 0,001}",
            "a.yaml:1:13: optimizer.lr: expected a number above 0, got '0'\n"
            "a.yaml:1:19: optimizer.001: expected a key of rule 'adaptive' (type, lr, "
            "weight_decay, betas, param_groups), got '001'; write lr: 0.001 if 0,001 is one number"},
        Case{"optimizer: {lr: 2,5e-3}",
             "a.yaml:1:19: optimizer.5e-3: expected a key of rule 'adaptive' (type, lr, "
             "weight_decay, betas, param_groups), got '5e-3'; write lr: 2.5e-3 if 2,5e-3 is one "
             "number"},
        Case{"optimizer: {lr: 1,000}",
             "a.yaml:1:19: optimizer.000: expected a key of rule 'adaptive' (type, lr, "
             "weight_decay, betas, param_groups), got '000'; write lr: 1.000 or 1000 if 1,000 is "
             "one number"},
        Case{"train: {epochs: 1,000}",
             "a.yaml:1:19: train.000: expected a key of train (epochs, batch_size, clip_norm, "
             "capture), got '000'; write epochs: 1000 if 1,000 is one number"},
        Case{"checkpoint: {every: 1,000ba}",
             "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep or 200ba, got '1'; "
             "write 1ep (epochs) or 1ba (batches)\n"
             "a.yaml:1:23: checkpoint.000ba: expected a key of checkpoint (every, keep_last), got "
             "'000ba'; write every: 1000ba if 1,000ba is one number"},
        Case{"train: {batch_size: 1,500,000}",
             "a.yaml:1:23: train.500: expected a key of train (epochs, batch_size, clip_norm, "
             "capture), got '500'; write batch_size: 1500000 if 1,500,000 is one number\n"
             "a.yaml:1:27: train.000: expected a key of train (epochs, batch_size, clip_norm, "
             "capture), got '000'"},
        Case{"train: {epochs: 1,5}",
             "a.yaml:1:19: train.5: expected a key of train (epochs, batch_size, clip_norm, "
             "capture), got '5'"},
        Case{"hidden: [1,500,000]",
             "a.yaml:1:16: hidden[2]: expected an integer above 0, got '000'; write thousands "
             "without a comma, and a decimal point"},
        Case{"seed: 1_0.5", "a.yaml:1:1: seed: expected an integer, got '1_0.5'"},
        Case{"optimizer: {betas: [0,001, .5]}",
             "a.yaml:1:23: optimizer.betas[1]: expected a number from 0 to below 1, got '001'; "
             "write 0.001 if 0,001 is one number, and 1 if 001 is one"},
        Case{"seed: 2.5", "a.yaml:1:1: seed: expected an integer, got '2.5'"},
        Case{"seed: 1e-1", "a.yaml:1:1: seed: expected an integer, got '1e-1'"},
        Case{"seed: 1e", "a.yaml:1:1: seed: expected an integer, got '1e'"},
        Case{"seed: 9223372036854775808",
             "a.yaml:1:1: seed: expected an integer, got "
             "'9223372036854775808'; integers have 64 bits"},
        Case{"seed: 1e16",
             "a.yaml:1:1: seed: expected an integer, got '1e16'; with a point or an "
             "exponent, at most 2^53"},
        Case{"seed: 9007199254740993.0",
             "a.yaml:1:1: seed: expected an integer, got '9007199254740993.0'; with a point or an "
             "exponent, at most 2^53"},
        Case{"seed: 1e99999999999999999999",
             "a.yaml:1:1: seed: expected an integer, got '1e99999999999999999999'; with a point or "
             "an exponent, at most 2^53"},
        Case{"seed: 1.00000000000000000001",
             "a.yaml:1:1: seed: expected an integer, got '1.00000000000000000001'"},
        Case{"seed: 4503599627370497.75e-0",
             "a.yaml:1:1: seed: expected an integer, got '4503599627370497.75e-0'"},
        Case{"optimizer:\n  lr: 1e-50",
             "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1e-50'; at least "
             "1.1754944e-38, the least of f32, is required"},
        Case{"optimizer:\n  lr: 1e39",
             "a.yaml:2:3: optimizer.lr: expected a number above 0, got '1e39'; at most "
             "3.402823e+38, the largest of f32, is allowed"},
        Case{"seed:",
             "a.yaml:1:1: seed: expected an integer, got an empty value; write a value, or "
             "remove the key"},
        Case{"seed: null", "a.yaml:1:1: seed: expected an integer, got null"},
        Case{"seed: [1]", "a.yaml:1:1: seed: expected an integer, got a list"},
        Case{"seed: {a: 1}", "a.yaml:1:1: seed: expected an integer, got a section"},
        Case{"seed: true", "a.yaml:1:1: seed: expected an integer, got 'true'"},
        Case{"resume:",
             "a.yaml:1:1: resume: expected text, got an empty value; write a value, \"\", or "
             "remove the key"},
        Case{"resume: null",
             "a.yaml:1:1: resume: expected text, got null; put it in quotes to mean the word"},
        Case{"hidden: 128",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got '128'; write [128]"},
        Case{"hidden: ',5'",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got the text \",5\""},
        Case{"hidden: x, y", "a.yaml:1:1: hidden: expected a list of integers above 0, got 'x, y'"},
        Case{"hidden: 16x32",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got '16x32'"},
        Case{"hidden: 1,024",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got '1,024'; write [1024] "
             "for thousands"},
        Case{"hidden: 1,500",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got '1,500'; write [1,500], "
             "or [1500] for thousands"},
        Case{"hidden: [64,032]",
             "a.yaml:1:13: hidden[1]: expected an integer above 0, got '032'; write 64032 if "
             "64,032 is one number, and 32 if 032 is one"},
        Case{"hidden: \"x #y\"",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got the text \"x #y\""},
        Case{"hidden: \"[16,32]\"",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got the text \"[16,32]\"; "
             "remove the quotes"},
        Case{"hidden: \"16\"",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got the text \"16\"; write "
             "[16]"},
        Case{"optimizer: {param_groups: [{match: \"a, b\"}]}",
             "a.yaml:1:29: optimizer.param_groups[0].match: expected a list of texts, got the text "
             "\"a, b\"; write [\"a, b\"]"},
        Case{"hidden: [64, 0]", "a.yaml:1:14: hidden[1]: expected an integer above 0, got '0'"},
        Case{"hidden: [64, a]", "a.yaml:1:14: hidden[1]: expected an integer above 0, got 'a'"},
        Case{"hidden:",
             "a.yaml:1:1: hidden: expected a list of integers above 0, got an empty value; "
             "write [], or remove the key"},
        Case{"train: {capture: yes}",
             "a.yaml:1:9: train.capture: expected true or false, got 'yes'; write true"},
        Case{"train: {capture: Off}",
             "a.yaml:1:9: train.capture: expected true or false, got 'Off'; write false"},
        Case{"train: {capture: 1}",
             "a.yaml:1:9: train.capture: expected true or false, got '1'; write true"},
        Case{"train: {capture: 'true'}",
             "a.yaml:1:9: train.capture: expected true or false, got the "
             "text \"true\"; remove the quotes"},
        Case{"train: {capture: maybe}",
             "a.yaml:1:9: train.capture: expected true or false, got 'maybe'"},
        Case{"train:\n  epochs: -1",
             "a.yaml:2:3: train.epochs: expected an integer of at least 0, got '-1'"},
        Case{"train:\n  epochs: 4294967297",
             "a.yaml:2:3: train.epochs: expected an integer of at least 0, got '4294967297'; at "
             "most 1000000000 is allowed"},
        Case{"train: {clip_norm: .inf}",
             "a.yaml:1:9: train.clip_norm: expected a number above 0 or "
             "null, got '.inf'; numbers are finite"},
        Case{"train: {clip_norm: 1e999}",
             "a.yaml:1:9: train.clip_norm: expected a number above 0 or "
             "null, got '1e999'; beyond what a double holds"},
        Case{"train: fast", "a.yaml:1:1: train: expected a section, got 'fast'"},
        Case{"train:",
             "a.yaml:1:1: train: expected a section, got an empty value; write {}, or remove "
             "the key"},
        Case{"train: [1]", "a.yaml:1:1: train: expected a section, got a list"},
        Case{"precision: fp61",
             "a.yaml:1:1: precision.type: expected one of fp32, bf16, fp16, got "
             "'fp61'; did you mean 'fp16'?"},
        Case{"precision: {type: 16}",
             "a.yaml:1:13: precision.type: expected one of fp32, bf16, fp16, got '16'"},
        Case{"precision: {type: null}",
             "a.yaml:1:13: precision.type: expected one of fp32, bf16, fp16, got null; put it in "
             "quotes to mean the word"},
        Case{"precision: {type: [fp16]}",
             "a.yaml:1:13: precision.type: expected one of fp32, bf16, fp16, got a list"},
        Case{"checkpoint: {every: 5}",
             "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep "
             "or 200ba, got '5'; write 5ep (epochs) or 5ba (batches)"},
        Case{"checkpoint:\n  every: 1,5ep",
             "a.yaml:2:3: checkpoint.every: expected a duration such as 3ep or 200ba, got '1,5ep'; "
             "write 1.5ep, with a decimal point"},
        Case{"checkpoint: {every: -1ep}",
             "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep or 200ba, got '-1ep'; "
             "a duration of at least 0 is required"},
        Case{"checkpoint: {every: 1e30ep}",
             "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep or 200ba, got "
             "'1e30ep'; at most 1000000000ep or 1000000000000000ba is allowed"},
        Case{
            "checkpoint: {every: 1.5ba}",
            "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep or 200ba, got '1.5ba'; "
            "a whole number of batches is required"},
        Case{"checkpoint: {every: soon}",
             "a.yaml:1:14: checkpoint.every: expected a duration such as 3ep or 200ba, got 'soon'"},
        Case{"checkpoint: {keep_last: 3e9}",
             "a.yaml:1:14: checkpoint.keep_last: expected an integer of "
             "at least 1, got '3e9'; this one has 32 bits"},
        Case{"callbacks: [{type: stopper, patience: 0}]",
             "a.yaml:1:29: callbacks[0].patience: expected an integer of at least 1, got '0'"},
        Case{"callbacks: stopper",
             "a.yaml:1:1: callbacks: expected a list of hook entries (stopper), "
             "got 'stopper'; write [stopper]"},
        Case{"callbacks: [{}]",
             "a.yaml:1:13: callbacks[0]: expected a type, one of stopper, got none"},
        Case{"callbacks: [null]",
             "a.yaml:1:13: callbacks[0]: expected a section or name of hook (stopper), got null"},
        Case{"optimizer: adm",
             "a.yaml:1:1: optimizer.type: expected one of adaptive, momentum, got 'adm'"},
        Case{"optimizer: {type: adaptiv, wd: 1}",
             "a.yaml:1:13: optimizer.type: expected one of "
             "adaptive, momentum, got 'adaptiv'; did you mean 'adaptive'?"},
        Case{"optimizer: {type: momentum, nesterov: true}",
             "a.yaml:1:29: optimizer.nesterov: expected a momentum above 0 with nesterov"},
        Case{"optimizer: {type: momentum, momentum: x, nesterov: true}",
             "a.yaml:1:29: optimizer.momentum: expected a number from 0 to below 1, got 'x'"}));

INSTANTIATE_TEST_SUITE_P(
    Keys, ConfigRefusals,
    testing::Values(
        Case{"sede: 1",
             "a.yaml:1:1: sede: expected a key of the config (resume, seed, hidden, "
             "optimizer, train, precision, checkpoint, callbacks), got 'sede'; did you mean "
             "'seed'?"},
        Case{"optimizer: {lrr: 1}",
             "a.yaml:1:13: optimizer.lrr: expected a key of rule 'adaptive' "
             "(type, lr, weight_decay, betas, param_groups), got 'lrr'; did you mean 'lr'?"},
        Case{"optimizer: {tpye: momentum, momentum: 0.9}",
             "a.yaml:1:13: optimizer.tpye: expected the key type of rule, got 'tpye'; did you mean "
             "'type'?"},
        Case{"optimizer: {batch_size: 5}",
             "a.yaml:1:13: optimizer.batch_size: expected a key of rule 'adaptive' (type, lr, "
             "weight_decay, betas, param_groups), got 'batch_size'; did you mean "
             "'train.batch_size'?"},
        Case{"train: {x: 5}",
             "a.yaml:1:9: train.x: expected a key of train (epochs, batch_size, "
             "clip_norm, capture), got 'x'"},
        Case{"optimizer: {param_groups: [{}]}",
             "a.yaml:1:28: optimizer.param_groups[0].match: expected "
             "a list of texts, got nothing"},
        Case{"optimizer: {param_groups: [{mtach: [a]}]}",
             "a.yaml:1:29: optimizer.param_groups[0].mtach: expected a key of "
             "optimizer.param_groups[0] (match, weight_decay), got 'mtach'; did you mean "
             "'match'?"}));

TEST(ConfigValues, AllProblemsComeAtOnceInTheOrderOfTheFile) {
  EXPECT_EQ(
      refusal("train: {epochs: x}\nseed: 010\nseed: 2\noptimizer: {lr: -1, bets: [1]}"),
      "a.yaml:1:9: train.epochs: expected an integer of at least 0, got 'x'\n"
      "a.yaml:2:1: seed: expected an integer, got '010'; write 10, as a leading zero means octal "
      "to some readers\n"
      "a.yaml:3:1: seed: expected each key once, got 'seed' again; it is also at a.yaml:2:1\n"
      "a.yaml:4:13: optimizer.lr: expected a number above 0, got '-1'\n"
      "a.yaml:4:21: optimizer.bets: expected a key of rule 'adaptive' (type, lr, weight_decay, "
      "betas, param_groups), got 'bets'; did you mean 'betas'?");
}

TEST(ConfigValues, ErrorsAreTheUsersAndHoldTheirProblems) {
  try {
    parsed("seed: x\ntrain: y");
    FAIL();
  } catch (const ConfigError& error) {
    EXPECT_EQ(error.exit_code(), 2);
    ASSERT_EQ(error.problems().size(), 2u);
    EXPECT_EQ(error.problems()[1].path, "train");
    EXPECT_EQ(error.problems()[1].place, (Place{"a.yaml", 2, 1}));
  }
}

TEST(ConfigValues, LongValuesAreCutInMessages) {
  const std::string message = refusal("seed: " + std::string(5000, 'x'));
  EXPECT_LT(message.size(), 200u);
}

}  // namespace
}  // namespace weft::config
