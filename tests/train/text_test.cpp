// SPDX-License-Identifier: Apache-2.0
// A language model from a text file to its perplexity.
#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/nn/models/models.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/run_config_file.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Keys = std::vector<std::string>;

TEST(TextMlp, LooksTokensUpAndSeesTheirOrder) {
  manual_seed(1);
  nn::AnyModule model =
      nn::text_mlp({.embedding = 3, .hidden = {5}}).make(nn::ModelInput{Shape{4}, 7});
  EXPECT_EQ(model->parameter_count(), 7 * 3 + (12 * 5 + 5) + (5 * 7 + 7));
  const auto outputs = [&](const std::vector<i64>& tokens) {
    const NoGrad no_grad;
    return (*model)(Variable(Tensor::copy_of(tokens, {1, 4}))).value().to_vector<float>();
  };
  EXPECT_EQ(outputs({1, 2, 3, 4}).size(), 7u);
  EXPECT_NE(outputs({1, 2, 3, 4}), outputs({2, 1, 3, 4}));
  EXPECT_NE(outputs({1, 2, 3, 4}), outputs({1, 2, 3, 5}));
  EXPECT_THROW(outputs({1, 2, 3, 7}), UserError);
  EXPECT_THROW(nn::text_mlp().make(nn::ModelInput{Shape{4, 4, 1}, 3}), UserError);
}

class TextRun : public InScratchFolder {
 protected:
  TextRun() : InScratchFolder("text") {}

  RunConfig config(const std::string& name, Keys keys = {}) const {
    keys.push_back("run.dir=" + dir(name).string());
    return load_run_config(dir("config.yaml").string(), keys).value;
  }
  // "a a b b a a …": the next letter depends on the last two.
  void write_rhyme(i64 letters) const {
    std::string text;
    for (i64 i = 0; i < letters; ++i) text += i / 2 % 2 == 0 ? 'a' : 'b';
    write(dir("rhyme.txt"), text);
    write(dir("config.yaml"), R"(
run: {seed: 2}
data: {type: text, path: rhyme.txt, context: 2, validation_split: 0.2}
model: {type: text_mlp, embedding: 4, hidden: [16]}
task: language_modelling
optimizer: {type: adamw, lr: 0.03, weight_decay: 0}
train: {epochs: 4, batch_size: 20}
checkpoint: {every: 3ba}
)");
  }
};

TEST_F(TextRun, LearnsWhatTheLettersSay) {
  write_rhyme(502);
  Orchestrator run(config("run"), "test");
  EXPECT_EQ(run.data().train->size(), 400);
  EXPECT_EQ(run.data().validation->size(), 100);
  EXPECT_EQ(run.data().test, nullptr);
  const RunReport report = run.train();
  ASSERT_TRUE(report.validation.has_value());
  EXPECT_LT(report.validation->metrics.at("perplexity"), 1.05);
  EXPECT_NEAR(report.validation->metrics.at("perplexity"), std::exp(report.validation->loss), 1e-6);
  EXPECT_FALSE(report.test.has_value());
  // The predictor needs only the weights file.
  const Predictor model = Predictor::open(dir("run/checkpoints/last/model.safetensors").string());
  EXPECT_EQ(model.metadata().sample_dtype, DType::int64);
  const std::vector<i64> last{'a', 'a', 'a', 'b', 'b', 'b', 'b', 'a'};
  const Tensor next = argmax(model.predict(Tensor::copy_of(last, {4, 2})), 1);
  EXPECT_EQ(next.to_vector<i64>(), (std::vector<i64>{'b', 'b', 'a', 'a'}));
}

TEST_F(TextRun, ResumesToTheBit) {
  write_rhyme(302);
  Orchestrator(config("whole"), "test").train();
  ASSERT_TRUE(stopped_at(config("broken"), 17));
  Orchestrator(config("broken", {"resume=auto"}), "test").train();
  EXPECT_EQ(outcome_of(dir("broken")), outcome_of(dir("whole")));
}

// The vocabulary is that of the training, whatever the file is later.
TEST_F(TextRun, OfCharactersKeepsItsVocabulary) {
  write_rhyme(302);
  const Keys keys{"data.tokens=characters"};
  ASSERT_TRUE(stopped_at(config("run", keys), 17));
  ASSERT_TRUE(stopped_at(config("other", keys), 17));
  Orchestrator(config("run", {"data.tokens=characters", "resume=auto"}), "test").train();
  Orchestrator(config("whole", keys), "test").train();
  EXPECT_EQ(outcome_of(dir("run")), outcome_of(dir("whole")));
  const Predictor model = Predictor::open(dir("run/checkpoints/last/model.safetensors").string());
  EXPECT_EQ(model.metadata().class_names, (std::vector<std::string>{"a", "b"}));
  const std::vector<i64> last{0, 0, 0, 1, 1, 1, 1, 0};
  EXPECT_EQ(argmax(model.predict(Tensor::copy_of(last, {4, 2})), 1).to_vector<i64>(),
            (std::vector<i64>{1, 1, 0, 0}));

  const double seen = SavedRun(dir("run").string(), "last").evaluate("train").loss;
  write(dir("rhyme.txt"), std::string(302, 'b'));  // by itself it would have the one token 0
  EXPECT_GT(SavedRun(dir("run").string(), "last").evaluate("train").loss, seen + 1);
  Orchestrator resumed(config("other", {"data.tokens=characters", "resume=auto"}), "test");
  EXPECT_EQ(resumed.data().train->info().class_names, (std::vector<std::string>{"a", "b"}));

  write(dir("rhyme.txt"), std::string(300, 'b') + "\nc");
  const auto refusal = [](const auto& act) -> std::string {
    try {
      act();
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal([&] {
              SavedRun(dir("run").string(), "last").evaluate("train");
            }).find("rhyme.txt line 1: the character '\\n' is not in the training text"),
            std::string::npos);
}

// Predicts each token from the one before it.
const bool registered_bigrams = Registry<nn::Model>::add<NoOptions>(
    "bigrams_for_text", [](const NoOptions&, const nn::ModelInput& input) {
      nn::Sequential model;
      model.push(nn::Embedding{input.outputs, input.outputs});
      return nn::checked(std::move(model), input, DType::int64);
    });

TEST_F(TextRun, LearnsFromEachPositionOfASequence) {
  std::string text;
  for (int i = 0; i < 400; ++i) text += i % 3 == 0 ? "ä" : i % 3 == 1 ? "b" : "c";
  write_rhyme(10);
  write(dir("rhyme.txt"), text);
  Orchestrator run(config("run", {"data.tokens=characters", "data.context=8", "data.stride=8",
                                  "data.targets=each", "model={type: bigrams_for_text}",
                                  "optimizer.lr=0.3", "train.epochs=8"}),
                   "test");
  EXPECT_EQ(run.data().train->size(), 39);
  const RunReport report = run.train();
  EXPECT_LT(report.validation->metrics.at("perplexity"), 1.05);
  EXPECT_EQ(SavedRun(dir("run").string(), "last").evaluate("validation").samples, 10);
}

TEST_F(TextRun, WhatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  write_rhyme(100);
  const auto refusal = [&](const Keys& keys) -> std::string {
    try {
      Orchestrator run(config("run", keys), "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal({"data.path=nowhere.txt"}).find("nowhere.txt"), std::string::npos);
  EXPECT_NE(refusal({"data.context=100"}).find("has 100 bytes; more than the context of 100"),
            std::string::npos);
  EXPECT_NE(refusal({"task=classification"}).find("language_modelling takes one per position"),
            std::string::npos);
  EXPECT_NE(refusal({"model={type: cnn}"}).find("cnn: a sample is (2)"), std::string::npos);
  EXPECT_FALSE(fs::exists(dir("run")));
}

// The baseline without a model: the frequency of each byte in the training part, plus one of each.
double perplexity_without_a_model(const RunData& data) {
  std::array<double, 256> counts{};
  counts.fill(1);
  const auto next_of = [](const data::Dataset& set, i64 i) {
    std::vector<i64> sample(static_cast<std::size_t>(set.info().sample.elements()));
    i64 next = 0;
    set.read(i, sample.data(), &next);
    return static_cast<std::size_t>(next);
  };
  for (i64 i = 0; i < data.train->size(); ++i) ++counts[next_of(*data.train, i)];
  const double all = static_cast<double>(data.train->size()) + 256;
  double sum = 0;
  for (i64 i = 0; i < data.validation->size(); ++i)
    sum -= std::log(counts[next_of(*data.validation, i)] / all);
  return std::exp(sum / static_cast<double>(data.validation->size()));
}

TEST_F(TextRun, ShippedConfigSlowReadsTheLicence) {
  const RunConfig config =
      load_run_config(WEFT_SOURCE_ROOT "/configs/text_mlp.yaml", {"run.dir=" + dir("run").string()})
          .value;
  Orchestrator run(config, "test");
  const double without = perplexity_without_a_model(run.data());
  const RunReport report = run.train();
  const double perplexity = report.validation->metrics.at("perplexity");
  std::printf("perplexity %.2f, %.2f by counts of single bytes\n", perplexity, without);
  EXPECT_LT(perplexity, 0.5 * without);
}

}  // namespace
}  // namespace weft::train
