// SPDX-License-Identifier: Apache-2.0
// The loss over tokens, compared with the cross-entropy of the valid positions, and used to learn a
// language.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/data/tensor_dataset.h"
#include "weft/nn/nn.h"
#include "weft/optim/adam.h"
#include "weft/tensor/random.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

constexpr i64 kTokens = 5, kPositions = 6, kPadding = 4;

// Each token except the padding is followed by (token + 1) mod 4, and sometimes by itself. Texts
// end in `padding` tokens of padding. The samples are the tokens one-hot: (positions, tokens).
data::TensorDataset texts(i64 count, i64 padding) {
  std::mt19937_64 engine(3);
  std::vector<float> x(static_cast<std::size_t>(count * kPositions * kTokens), 0.0f);
  std::vector<i64> y;
  for (i64 t = 0; t < count; ++t) {
    auto token = static_cast<i64>(engine() % 4);
    for (i64 p = 0; p < kPositions; ++p) {
      x[static_cast<std::size_t>((t * kPositions + p) * kTokens + token)] = 1;
      token = engine() % 8 == 0 ? token : (token + 1) % 4;
      y.push_back(p < kPositions - padding ? token : kPadding);
    }
  }
  data::DatasetInfo info;
  info.name = "texts";
  info.classes = kTokens;
  return {info, Tensor::copy_of(x, {count, kPositions, kTokens}),
          Tensor::copy_of(y, {count, kPositions})};
}

// Predicts the next token from the last one alone.
struct Bigrams : nn::Module {
  nn::Linear table{kTokens, kTokens};
  void parts(nn::Parts& p) override { p("table", table); }
  Variable forward(const Variable& x) override {
    const i64 samples = x.shape()[0];
    return reshape(table(reshape(x, {samples * kPositions, kTokens})),
                   {samples, kPositions, kTokens});
  }
};

TEST(LanguageModelling, IsTheMeanOverThePositionsThatCount) {
  manual_seed(2);
  const Tensor logits = Tensor::empty({2, 3, 4}, DType::f64);
  default_generator().normal(logits, 0, 2);
  const std::vector<i64> tokens{1, 3, 3, 0, 3, 2};  // 3 is padding
  const Tensor target = Tensor::copy_of(tokens, {2, 3});
  const auto loss = language_modelling({.ignore_index = 3}).make();

  const Variable x = Variable::leaf(logits.clone());
  const Variable y = loss->forward(x, target);
  y.backward();
  double by_hand = 0;
  std::vector<double> gradient;
  for (std::size_t row = 0; row < 6; ++row) {
    const auto at = [&](i64 c) { return logits.data<double>()[static_cast<i64>(row) * 4 + c]; };
    double sum = 0;
    for (i64 c = 0; c < 4; ++c) sum += std::exp(at(c));
    const bool counts = tokens[row] != 3;
    if (counts) by_hand += (std::log(sum) - at(tokens[row])) / 3;
    for (i64 c = 0; c < 4; ++c)
      gradient.push_back(counts ? (std::exp(at(c)) / sum - (c == tokens[row] ? 1 : 0)) / 3 : 0);
  }
  EXPECT_NEAR(y.value().item<double>(), by_hand, 1e-12);
  const std::vector<double> dx = x.grad().to_vector<double>();
  for (std::size_t i = 0; i < dx.size(); ++i) EXPECT_NEAR(dx[i], gradient[i], 1e-12) << i;

  EXPECT_EQ(loss->weight(target), 3);
  EXPECT_EQ(language_modelling().make()->weight(target), 6);
  EXPECT_NE(language_modelling().make()->forward(Variable(logits), target).value().item<double>(),
            by_hand);
}

TEST(LanguageModelling, OfPaddingAloneIsNothing) {
  const auto loss = language_modelling({.ignore_index = 3}).make();
  const Tensor target = Tensor::full({2, 3}, 3.0, DType::int64);
  EXPECT_EQ(loss->weight(target), 0);
  EXPECT_EQ(loss->forward(Variable(Tensor::zeros({2, 3, 4})), target).value().item<double>(), 0);
}

// The chain repeats a token with probability 1/8. The best perplexity is the exponential of its
// entropy.
TEST(LanguageModelling, LearnsTheLanguageAndLeavesPaddingOut) {
  const data::TensorDataset set = texts(400, 2);
  const double entropy = -(0.875 * std::log(0.875) + 0.125 * std::log(0.125));
  const LossRecipe loss = language_modelling({.ignore_index = kPadding});
  manual_seed(1);
  Bigrams model;
  data::Loader loader(set, {.batch_size = 40, .shuffle = true, .seed = 1});
  Trainer trainer(model, loss,
                  {.optimizer = optim::adamw({.lr = 0.1, .weight_decay = 0}), .epochs = 30});
  EpochResult result;
  for (int epoch = 0; epoch < 30; ++epoch) result = trainer.train_one_epoch(loader);
  EXPECT_NEAR(result.loss, entropy, 0.03);

  Evaluator evaluator(model, loss);
  EXPECT_EQ(evaluator.metric_names(), std::vector<std::string>{"perplexity"});
  for (const i64 batch : {400, 33}) {
    data::Loader all(set, {.batch_size = batch});
    const Evaluation evaluation = evaluator.evaluate(all);
    EXPECT_NEAR(evaluation.metrics.at("perplexity"), std::exp(evaluation.loss), 1e-5);
    EXPECT_NEAR(evaluation.metrics.at("perplexity"), std::exp(entropy), 0.06);
  }
  // With the padding, on which the model was not trained, the perplexity differs.
  data::Loader all(set, {.batch_size = 400});
  EXPECT_GT(Evaluator(model, language_modelling()).evaluate(all).loss, 1);
  const Evaluation hits = Evaluator(model, loss, {.metrics = {"accuracy"}}).evaluate(all);
  EXPECT_NEAR(hits.accuracy, 0.875, 0.03);
}

TEST(LanguageModelling, RefusesOtherTargetsByName) {
  const auto refusal = [](const LossRecipe& loss, const data::DatasetInfo& info) {
    try {
      loss.make()->outputs(info);
    } catch (const UserError& error) {
      return std::string(error.what());
    }
    return std::string("accepted");
  };
  data::DatasetInfo info;
  info.name = "mine";
  info.classes = 7;
  EXPECT_EQ(
      refusal(language_modelling(), info),
      "loss 'language_modelling': the targets of mine are labels of shape (); a token for each "
      "position, (positions), is required");
  info.target = {4};
  EXPECT_EQ(refusal(language_modelling(), info), "accepted");
  EXPECT_NE(refusal(classification(), info).find("language_modelling takes one per position"),
            std::string::npos);
  info.classes = 0;
  EXPECT_NE(refusal(language_modelling(), info).find("are numbers of shape (4)"),
            std::string::npos);
  EXPECT_THROW(language_modelling().make()->forward(Variable(Tensor::zeros({2, 4})),
                                                    Tensor::zeros({2, 3}, DType::int64)),
               UserError);
}

}  // namespace
}  // namespace weft::train
