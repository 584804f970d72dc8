// SPDX-License-Identifier: Apache-2.0
// Strategies: the parameters that they freeze and unfreeze, their rebuilds, and the exact steps.
#include <algorithm>

#include <gtest/gtest.h>

#include "weft/core/log.h"
#include "weft/nn/batch_norm.h"
#include "weft/optim/adam.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

using Names = std::vector<std::string>;
using namespace testing_models;  // NOLINT(google-build-using-namespace)

const Names kHead{"classifier.2.weight", "classifier.2.bias", "classifier.5.weight",
                  "classifier.5.bias"};

// A model, a trainer and strategies; run() is the epoch loop of an Orchestrator.
struct Bench : TrainerObserver {
  Bench(const StrategyRecipe& recipe, TrainerOptions options = {},
        nn::AnyModule model_ = tiny_cnn())
      : model(std::move(model_)),
        loader(tiny_images(12), {.batch_size = 4}),
        trainer(*model, classification(), options) {
    trainer.set_epoch_length(loader.batches_per_epoch());
    for (const StrategyRecipe& each : unchained({recipe})) {
      strategies.push_back(each.make());
      strategies.back()->on_setup(trainer);
      trainer.add_observer(*strategies.back());
    }
    trainer.add_observer(*this);
  }
  void on_epoch_begin(Trainer&, i64) override { trained.push_back(trainable(*model).size()); }
  void on_rebuild(Trainer& t, const optim::RebuildReport& r) override {
    events.push_back(fmt::format("step {}: kept {} created {} stashed {} restored {}",
                                 t.progress().steps_begun, r.kept.size(), r.created.size(),
                                 r.stashed.size(), r.restored.size()));
  }
  void on_step_end(Trainer& t, const optim::StepOutcome&) override {
    rates.push_back(t.optimizer().lr());
  }
  void begin() {
    for (const auto& strategy : strategies) strategy->on_train_begin(trainer);
  }
  void run(i64 epochs) {
    if (trainer.progress().epochs_done == 0) begin();
    for (i64 e = 0; e < epochs; ++e) trainer.train_one_epoch(loader);
  }

  nn::AnyModule model;
  data::Loader loader;
  Trainer trainer;
  std::vector<std::unique_ptr<Strategy>> strategies;
  Names events;
  std::vector<std::size_t> trained;
  std::vector<double> rates;
};

StrategyRecipe three_stages() {
  return staged_unfreeze({.stages = {{.at = "0ep", .train = {"classifier.*"}},
                                     {.at = "2ep", .train = {"features.4.*"}, .lr_factor = 0.5},
                                     {.at = "3ep", .train = {"*"}, .lr_factor = 0.1}}});
}

TEST(StagedUnfreeze, UnfreezesAtTheEpochsItIsToldTo) {
  Bench bench(three_stages(), {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}), .epochs = 4});
  bench.run(4);
  EXPECT_EQ(bench.trained, (std::vector<std::size_t>{4, 4, 5, 10}));
  EXPECT_EQ(bench.events, (Names{"step 0: kept 4 created 0 stashed 6 restored 0",
                                 "step 6: kept 4 created 0 stashed 0 restored 1",
                                 "step 9: kept 5 created 0 stashed 0 restored 5"}));
}

TEST(StagedUnfreeze, StageFactorsScaleTheLearningRateOfEachParameter) {
  Bench bench(
      staged_unfreeze({.stages = {{.at = "0ep", .train = {"classifier.*"}},
                                  {.at = "1ep",
                                   .train = {"features.*"},
                                   .lr_factor = 0.5,
                                   .rates = {{{"features.*"}, 0.2}, {{"features.4.*"}, 0.4}}}}}),
      {.optimizer = optim::sgd({.lr = 0.1})});
  const auto moved_by = [&](const char* name) {
    // One step of plain SGD moves a parameter by its learning rate times its gradient.
    for (const nn::NamedParameter& p : bench.model->named_parameters())
      if (p.name == name) return p.variable.value().to_vector<float>()[0];
    return 0.0f;
  };
  bench.begin();
  bench.trainer.train_one_epoch(bench.loader);
  struct Gradients : TrainerObserver {
    std::map<std::string, float> first;
    void on_gradients(Trainer& t, double) override {
      if (first.empty())
        for (const nn::NamedParameter& p : t.named_parameters())
          first[p.name] = p.variable.grad().to_vector<float>()[0];
    }
  } gradients;
  struct StopAfterOne : TrainerObserver {
    std::stop_source stop;
    void on_step_end(Trainer&, const optim::StepOutcome&) override { stop.request_stop(); }
  } stop;
  bench.trainer.set_stop_token(stop.stop.get_token());
  bench.trainer.add_observer(gradients);
  bench.trainer.add_observer(stop);
  const std::vector<std::pair<const char*, float>> rates{
      {"classifier.5.bias", 0.05f}, {"features.4.weight", 0.02f}, {"features.0.weight", 0.01f}};
  std::vector<float> before;
  for (const auto& [name, rate] : rates) before.push_back(moved_by(name));
  bench.trainer.train_one_epoch(bench.loader);
  for (std::size_t i = 0; i < rates.size(); ++i) {
    const float gradient = gradients.first.at(rates[i].first);
    ASSERT_NE(gradient, 0) << rates[i].first;
    EXPECT_NEAR((before[i] - moved_by(rates[i].first)) / gradient, rates[i].second,
                rates[i].second * 1e-2)
        << rates[i].first;
  }
}

TEST(StagedUnfreeze, StagesMayBeginWithinAnEpochAndFreezeAgain) {
  Bench bench(
      staged_unfreeze(
          {.stages = {{.at = "0ba", .train = {"*"}},
                      {.at = "2ba", .freeze = {"features.*"}},
                      {.at = "4ba", .train = {"features.4.*"}, .freeze = {"classifier.5.bias"}}}}),
      {.optimizer = optim::adamw({.lr = 1e-2})});
  bench.run(2);
  EXPECT_EQ(bench.events, (Names{"step 0: kept 10 created 0 stashed 0 restored 0",
                                 "step 2: kept 4 created 0 stashed 6 restored 0",
                                 "step 4: kept 3 created 0 stashed 1 restored 1"}));
  EXPECT_EQ(trainable(*bench.model), (Names{"features.4.weight", "classifier.2.weight",
                                            "classifier.2.bias", "classifier.5.weight"}));
}

TEST(StagedUnfreeze, BatchNormsFollowOrStayFrozen) {
  for (const bool follow : {true, false}) {
    Bench bench(staged_unfreeze(
        {.batch_norm = follow ? UnfreezeBatchNorm::follow : UnfreezeBatchNorm::always_frozen,
         .stages = {{.at = "0ep", .train = {"*"}}}}));
    const Bytes before = bytes_of_model(*bench.model);
    bench.run(1);
    Bytes after = bytes_of_model(*bench.model);
    for (const auto& [name, bytes] : before) {
      const bool norm = name.starts_with("features.1.") || name.starts_with("features.5.");
      EXPECT_EQ(bytes == after[name], norm && !follow) << name;
    }
  }
}

TEST(StagedUnfreeze, GradualGoesDownLayerByLayer) {
  Bench bench(staged_unfreeze({.gradual = GradualUnfreeze{.every = "1ep", .lr_decay = 0.5}}),
              {.optimizer = optim::sgd({.lr = 0.1})});
  bench.run(5);
  // classifier.5 and classifier.2 are unfrozen first, then each convolution with the norm after it.
  EXPECT_EQ(bench.trained, (std::vector<std::size_t>{2, 4, 7, 10, 10}));
  EXPECT_EQ(bench.events.size(), 4u);
}

TEST(StagedUnfreeze, GoesOnFromItsState) {
  const TrainerOptions options{.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9}), .epochs = 4};
  Bench whole(three_stages(), options), second(three_stages(), options);
  whole.run(4);
  Bench first(three_stages(), options);
  first.run(3);
  // The contents of a checkpoint, in the order in which a resume loads them.
  for (const nn::NamedParameter& p : second.model->named_parameters())
    for (const nn::NamedParameter& q : first.model->named_parameters())
      if (p.name == q.name) p.variable.value().copy_from(q.variable.value());
  const auto from = first.model->named_buffers(), to = second.model->named_buffers();
  for (std::size_t i = 0; i < to.size(); ++i) to[i].buffer->value.copy_from(from[i].buffer->value);
  load_state(*second.strategies[0], save_state(*first.strategies[0]), "strategy");
  second.begin();
  load_state(second.trainer, save_state(first.trainer), "trainer");
  second.trainer.optimizer().load_state(first.trainer.optimizer().state());
  second.run(1);
  EXPECT_EQ(bytes_of_model(*second.model), bytes_of_model(*whole.model));
  EXPECT_EQ(second.events.back(), "step 9: kept 5 created 0 stashed 0 restored 5");
}

std::string refusal(const StrategyRecipe& recipe, nn::AnyModule model = tiny_cnn()) {
  try {
    Bench bench(recipe, {}, std::move(model));
    bench.run(1);
  } catch (const UserError& error) {
    return error.what();
  }
  return "accepted";
}
#define EXPECT_SAYS(text, part) EXPECT_NE(std::string(text).find(part), std::string::npos) << text

TEST(StagedUnfreeze, RefusesWhatDoesNotFit) {
  EXPECT_SAYS(refusal(staged_unfreeze({.stages = {{.at = "0ep", .train = {"clasifier.*"}}}})),
              "strategy.stages[0].train: pattern 'clasifier.*' matches none of 10 names; nearest:");
  EXPECT_SAYS(refusal(staged_unfreeze({.stages = {{.at = "0ep", .train = {}}}})),
              "leaves all 10 parameters frozen");
  EXPECT_THROW(staged_unfreeze({}), UserError);
  EXPECT_THROW(staged_unfreeze({.stages = {{.at = "1ep", .train = {"*"}}}}), UserError);
  EXPECT_THROW(staged_unfreeze({.stages = {{.at = "0ep", .train = {"*"}},
                                           {.at = "2ep", .train = {"*"}},
                                           {.at = "1ep", .train = {"*"}}}}),
               UserError);
  EXPECT_THROW(
      staged_unfreeze({.stages = {{.at = "0ep", .train = {"*"}}}, .gradual = GradualUnfreeze{}}),
      UserError);
}

TEST(Schedule, ContinuesOrRestartsAtARebuild) {
  const auto rates = [](OnRebuild on_rebuild) {
    Bench bench(staged_unfreeze({.stages = {{.at = "0ep", .train = {"classifier.*"}},
                                            {.at = "2ep", .train = {"*"}}}}),
                {.optimizer = optim::sgd({.lr = 1.0}),
                 .scheduler = optim::linear({}),
                 .on_rebuild = on_rebuild,
                 .epochs = 4});
    bench.run(4);
    return bench.rates;
  };
  const std::vector<double> on = rates(OnRebuild::continue_), again = rates(OnRebuild::restart);
  ASSERT_EQ(on.size(), 12u);
  for (std::size_t step = 0; step < 12; ++step) {
    const auto s = static_cast<double>(step);
    EXPECT_NEAR(on[step], 1 - s / 12, 1e-12);
    EXPECT_NEAR(again[step], step < 6 ? 1 - s / 12 : 1 - (s - 6) / 6, 1e-12);
  }
}

TEST(Rebuild, ChecksThatEachTrainableParameterIsInOneSegment) {
  nn::AnyModule model = tiny_mlp();
  Trainer trainer(*model, classification(), {});
  trainer.set_requires_grad("*", false);
  EXPECT_THROW(trainer.rebuild_optimizer_and_scheduler(), UserError);
  trainer.set_requires_grad("*", true);
  trainer.rebuild_optimizer_and_scheduler();
  // The optimizer does not have a layer that was replaced after the trainer was built.
  struct Swap final : nn::Parts {
    void visit(std::string_view, nn::Module& child) override { child.parts(*this); }
    void visit(std::string_view, nn::Parameter& p) override {
      p = nn::Parameter(p.value().clone());
    }
    void visit(std::string_view, nn::Buffer&) override {}
  } swap;
  model->parts(swap);
  EXPECT_THROW(trainer.rebuild_optimizer_and_scheduler(), UserError);
}

TEST(FreezeBatchNorm, KeepsStatisticsAndWeights) {
  Bench bench(freeze_batch_norm({.layers = {"features.1"}}));
  const Bytes before = bytes_of_model(*bench.model);
  bench.run(2);
  Bytes after = bytes_of_model(*bench.model);
  for (const auto& [name, bytes] : before)
    EXPECT_EQ(bytes == after[name], name.starts_with("features.1.")) << name;
}

TEST(FreezeBatchNorm, FromSomeTimeOnAndStatisticsAlone) {
  Bench bench(freeze_batch_norm({.at = "4ba", .affine = Affine::train}));
  bench.run(1);
  const auto statistics = [&] { return bytes_of_model(*bench.model)["features.1.running_mean"]; };
  const auto weight = [&] { return bytes_of_model(*bench.model)["features.1.weight"]; };
  const std::string one = statistics(), weight_one = weight();
  bench.run(1);  // steps 3 to 5: one more with statistics
  const std::string two = statistics();
  bench.run(1);
  EXPECT_NE(one, two);
  EXPECT_EQ(two, statistics());
  EXPECT_NE(weight_one, weight());
  EXPECT_SAYS(refusal(freeze_batch_norm(), tiny_mlp()), "the model has no batch norm");
}

TEST(Strategies, SteerTheSameTrainerInTheirOrder) {
  Bench bench(chain({.strategies = {three_stages(), freeze_batch_norm()}}),
              {.optimizer = optim::sgd({.lr = 0.1, .momentum = 0.9})});
  const Bytes before = bytes_of_model(*bench.model);
  bench.run(4);
  Bytes after = bytes_of_model(*bench.model);
  EXPECT_EQ(before.at("features.5.running_var"), after["features.5.running_var"]);
  EXPECT_EQ(before.at("features.5.weight"), after["features.5.weight"]);
  EXPECT_NE(before.at("features.0.weight"), after["features.0.weight"]);
  EXPECT_EQ(trainable(*bench.model).size(), 6u);
  EXPECT_EQ(save_state(*bench.strategies[0]).json, R"({"stage":2})");
  EXPECT_EQ(save_state(*bench.strategies[1]).json, R"({"frozen":true})");
}

TEST(ProgressiveResize, FeedsSmallerImagesFirst) {
  manual_seed(1);
  nn::AnyModule model =
      nn::resnet({.depth = 18, .width = 2}).make(nn::ModelInput{Shape{4, 4, 1}, 3});
  Bench bench(progressive_resize({.stages = {{.at = "0ep", .shrink = 2}, {.at = "1ep"}}}), {},
              std::move(model));
  struct Sizes final : nn::OutputObserver {
    std::vector<i64> heights;
    void on_output(const nn::Module& module, const Variable& output) override {
      if (output.shape().rank() == 4 && module.label().starts_with("Conv2d(1,"))
        heights.push_back(output.shape()[1]);
    }
  } sizes;
  nn::OutputObserver* before = nn::set_output_observer(&sizes);
  bench.run(2);
  nn::set_output_observer(before);
  EXPECT_EQ(sizes.heights, (std::vector<i64>{2, 2, 2, 4, 4, 4}));
  EXPECT_SAYS(refusal(progressive_resize({.stages = {{.at = "0ep", .shrink = 3}}})),
              "images whose height and width it divides are required");
  EXPECT_THROW(progressive_resize({}), UserError);
}

}  // namespace
}  // namespace weft::train
