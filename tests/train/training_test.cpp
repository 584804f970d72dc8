// SPDX-License-Identifier: Apache-2.0
// The Trainer and the Evaluator on small data held in memory.
#include <cmath>
#include <memory>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/data/sources.h"
#include "weft/data/tensor_dataset.h"
#include "weft/nn/models/models.h"
#include "weft/optim/adam.h"
#include "weft/optim/schedules.h"
#include "weft/tensor/random.h"
#include "weft/train/evaluation/evaluator.h"
#include "weft/train/run/run_config.h"
#include "weft/train/strategies/strategy.h"
#include "weft/train/trainer/trainer.h"

namespace weft::train {
namespace {

constexpr i64 kSamples = 600;

std::shared_ptr<const data::Dataset> digits(i64 samples = kSamples) {
  return data::digits({.train_size = samples, .test_size = 10}).make().train;
}

nn::AnyModule small_mlp() {
  manual_seed(3);
  return nn::mlp({.hidden = {32}}).make(nn::ModelInput{Shape{28, 28, 1}, 10});
}

std::vector<float> weights(nn::Module& model) {
  std::vector<float> all;
  for (const nn::NamedParameter& p : model.named_parameters()) {
    const std::vector<float> values = p.variable.value().to_vector<float>();
    all.insert(all.end(), values.begin(), values.end());
  }
  return all;
}

std::vector<float> train(const TrainerOptions& options, i64 epochs, data::LoaderOptions loading) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), loading);
  Trainer trainer(*model, classification(), options);
  for (i64 e = 0; e < epochs; ++e) trainer.train_one_epoch(loader);
  return weights(*model);
}

TEST(Trainer, LossFallsAndAccuracyRises) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), {.batch_size = 32, .shuffle = true, .seed = 1});
  Trainer trainer(*model, classification(), {.optimizer = optim::adamw({.lr = 3e-3}), .epochs = 8});
  Evaluator evaluator(*model, classification());
  const double before = evaluator.evaluate(loader).accuracy;
  EpochResult first, last;
  for (int epoch = 0; epoch < 8; ++epoch)
    (epoch == 0 ? first : last) = trainer.train_one_epoch(loader);
  EXPECT_LT(last.loss, 0.5 * first.loss);
  EXPECT_EQ(last.epoch, 8);
  EXPECT_EQ(last.steps, 19);  // ⌈600 / 32⌉
  EXPECT_EQ(last.samples, kSamples);
  EXPECT_GT(evaluator.evaluate(loader).accuracy, before + 0.3);
}

TEST(Trainer, SameSeedSameBytesForAnyNumberOfWorkers) {
  const TrainerOptions options{.optimizer = optim::adamw({.lr = 1e-3}), .epochs = 2};
  const std::vector<float> once =
      train(options, 2, {.batch_size = 50, .shuffle = true, .seed = 5, .workers = 1});
  EXPECT_EQ(once, train(options, 2, {.batch_size = 50, .shuffle = true, .seed = 5, .workers = 0}));
  EXPECT_EQ(once, train(options, 2, {.batch_size = 50, .shuffle = true, .seed = 5, .workers = 3}));
  EXPECT_NE(once, train(options, 2, {.batch_size = 50, .shuffle = true, .seed = 6, .workers = 1}));
}

TEST(Trainer, AccumulationIsTheBigBatch) {
  // 600 samples: 12 batches of 50, two per step, are 6 batches of 100 in the same order.
  const optim::OptimizerRecipe sgd = optim::sgd({.lr = 0.05});
  const std::vector<float> big = train({.optimizer = sgd}, 1, {.batch_size = 100});
  const std::vector<float> halves =
      train({.optimizer = sgd, .accumulate = 2}, 1, {.batch_size = 50});
  ASSERT_EQ(big.size(), halves.size());
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < big.size(); ++i) {
    difference += std::pow(big[i] - halves[i], 2);
    norm += std::pow(big[i], 2);
  }
  EXPECT_LT(std::sqrt(difference / norm), 1e-5);
}

TEST(Trainer, ScheduleCountsAppliedSteps) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(100), {.batch_size = 50});
  Trainer trainer(
      *model, classification(),
      {.optimizer = optim::sgd({.lr = 1.0}), .scheduler = optim::linear({}), .epochs = 2});
  EXPECT_NEAR(trainer.train_one_epoch(loader).lr, 0.75, 1e-12);  // the second of four steps
  EXPECT_NEAR(trainer.train_one_epoch(loader).lr, 0.25, 1e-12);
}

TEST(Trainer, MaxStepsEndsTheEpoch) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), {.batch_size = 50});
  Trainer trainer(*model, classification(), {.max_steps = 3});
  const EpochResult result = trainer.train_one_epoch(loader);
  EXPECT_EQ(result.steps, 3);
  EXPECT_FALSE(result.complete);
}

TEST(Trainer, StopTokenEndsTheEpoch) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), {.batch_size = 50});
  Trainer trainer(*model, classification(), {});
  std::stop_source stop;
  trainer.set_stop_token(stop.get_token());
  struct StopAtTwo : TrainerObserver {
    std::stop_source& stop;
    explicit StopAtTwo(std::stop_source& s) : stop(s) {}
    void on_batch_end(Trainer&, const Progress& progress) override {
      if (progress.batch == 2) stop.request_stop();
    }
  } observer(stop);
  trainer.add_observer(observer);
  const EpochResult result = trainer.train_one_epoch(loader);
  EXPECT_EQ(result.steps, 2);
  EXPECT_FALSE(result.complete);
}

TEST(Trainer, NonFiniteLossLeavesTheWeights) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), {.batch_size = 50});
  Trainer trainer(*model, classification(), {.optimizer = optim::sgd({.lr = 1e30})});
  try {
    trainer.train_one_epoch(loader);
    FAIL() << "no error";
  } catch (const TrainingError& e) {
    EXPECT_NE(std::string(e.what()).find("of epoch 1"), std::string::npos) << e.what();
    EXPECT_EQ(e.exit_code(), 3);
  }
}

TEST(Trainer, FrozenParametersKeepTheirBytes) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(), {.batch_size = 50});
  Trainer trainer(*model, classification(),
                  {.optimizer = optim::adamw({.lr = 1e-2, .weight_decay = 0.1})});
  EXPECT_EQ(trainer.set_requires_grad("1.*", false), 2);
  const optim::RebuildReport report = trainer.rebuild_optimizer_and_scheduler();
  EXPECT_EQ(report.stashed.size(), 2u);
  const std::vector<float> frozen =
      model->named_parameters()[0].variable.value().to_vector<float>();
  const std::vector<float> head = model->named_parameters()[2].variable.value().to_vector<float>();
  trainer.train_one_epoch(loader);
  EXPECT_EQ(frozen, model->named_parameters()[0].variable.value().to_vector<float>());
  EXPECT_NE(head, model->named_parameters()[2].variable.value().to_vector<float>());
  EXPECT_THROW(trainer.set_requires_grad("classifer.*", true), UserError);
}

TEST(Trainer, RefusesOptionsWithTheWordsOfAConfig) {
  nn::AnyModule model = small_mlp();
  const auto refusal = [&](const TrainerOptions& options) -> std::string {
    try {
      Trainer(*model, classification(), options);
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal({}), "accepted");
  EXPECT_EQ(refusal({.epochs = 0, .accumulate = 0, .max_steps = -1}),
            "Trainer: epochs: expected an integer of at least 1, got 0; accumulate: expected an "
            "integer of at least 1, got 0; max_steps: expected an integer of at least 0, got -1");
  EXPECT_EQ(
      refusal({.epochs = kMostCount + 1}),
      "Trainer: epochs: expected an integer of at least 1, got 1000000001; at most 1000000000 "
      "is allowed");
  EXPECT_EQ(refusal({.clip_norm = 1, .clip_value = 1}),
            "Trainer: clip_value: expected 0 where clip_norm is given");
  EXPECT_EQ(refusal({.clip_norm = -1}),
            "Trainer: clip_norm: expected a number of at least 0, got -1");
  EXPECT_EQ(refusal({.out_of_memory = OnOutOfMemory::split, .capture = true}),
            "Trainer: capture: expected false where out_of_memory is split");
}

TEST(Trainer, IsGivenWhatTheSectionsOfAConfigSay) {
  RunConfig config;
  EXPECT_EQ(config.trainer_options().epochs, 10);
  EXPECT_EQ(TrainerOptions{}.epochs, 1);
  config.train.max_steps = 7;
  config.train.out_of_memory = OnOutOfMemory::split;
  config.optimizer = optim::adamw({.lr = 0.5});
  config.scheduler = optim::cosine();
  config.scheduler.common.on_rebuild = OnRebuild::restart;
  config.precision = bf16();
  config.run.seed = 9;
  const TrainerOptions options = config.trainer_options();
  EXPECT_EQ(options.max_steps, 7);
  EXPECT_EQ(options.out_of_memory, OnOutOfMemory::split);
  EXPECT_EQ(options.optimizer.options_if<optim::AdamWOptions>()->lr, 0.5);
  EXPECT_EQ(options.scheduler.name(), "cosine");
  EXPECT_EQ(options.on_rebuild, OnRebuild::restart);
  EXPECT_EQ(options.precision.name(), "bf16");
  EXPECT_EQ(options.seed, 9u);
}

TEST(Evaluator, IsExactOverUnevenBatches) {
  nn::AnyModule model = small_mlp();
  const auto dataset = digits(103);
  Evaluator evaluator(*model, classification(), {.metrics = {"accuracy", "top_k"}});
  data::Loader whole(dataset, {.batch_size = 103}), uneven(dataset, {.batch_size = 10});
  const Evaluation a = evaluator.evaluate(whole);
  const Evaluation b = evaluator.evaluate(uneven);
  EXPECT_NEAR(a.loss, b.loss, 1e-6);
  EXPECT_EQ(a.accuracy, b.accuracy);
  EXPECT_GE(a.metrics.at("top_k"), a.accuracy);
  EXPECT_EQ(b.samples, 103);
}

TEST(Evaluator, LeavesTheModeOfTheModel) {
  nn::AnyModule model = small_mlp();
  data::Loader loader(digits(20), {.batch_size = 20});
  Evaluator(*model, classification()).evaluate(loader);
  EXPECT_TRUE(model->training());
  EXPECT_THROW(Evaluator(*model, classification(), {.metrics = {"acuracy"}}), UserError);
}

TEST(Classification, RefusesNumbersAsTargets) {
  data::DatasetInfo info;
  info.name = "prices";
  info.target_dtype = DType::f32;
  EXPECT_THROW(classification().make()->outputs(info), UserError);
}

}  // namespace
}  // namespace weft::train
