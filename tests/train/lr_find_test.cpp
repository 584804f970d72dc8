// SPDX-License-Identifier: Apache-2.0
// The learning-rate range test: what it finds, and that the run does not notice it.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/core/log.h"
#include "weft/core/sha256.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/run/lr_find.h"
#include "weft/train/strategies/strategies.h"

namespace weft::train {
namespace {

using test_support::message_of;

// What the strategies of a sweep were asked for.
struct Asked {
  i64 train_begins = 0, epoch_begins = 0, steps = 0;
  std::vector<std::string> trainable = {};
};
Asked& asked() {
  static Asked counts;
  return counts;
}
struct Probe : Strategy {
  void on_train_begin(Trainer& trainer) override {
    ++asked().train_begins;
    asked().trainable = testing_models::trainable(trainer.model());
  }
  void on_epoch_begin(Trainer&, i64) override { ++asked().epoch_begins; }
  void on_step_begin(Trainer&, i64) override { ++asked().steps; }
};
const bool registered_probe = Registry<Strategy>::add<NoOptions>(
    "lr_find_probe", [](const NoOptions&) { return std::make_unique<Probe>(); });
const bool registered_data = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_lr_find", [](const NoOptions&) { return testing_models::tiny_splits(60); });

RunConfig lr_config(const std::vector<std::string>& overrides = {}) {
  return config::load_text<RunConfig>(
             "run: {seed: 3, threads: 1, device: cpu}\n"
             "data: {type: tiny_for_lr_find}\n"
             "model: {type: cnn, channels: [3, 4], hidden: 6, dropout: 0.2}\n"
             "optimizer: {type: adamw, lr: 1e-3}\n"
             "scheduler: {type: cosine, warmup: 1ep}\n"
             "train: {epochs: 4, batch_size: 6}\n",
             "test.yaml", overrides)
      .value;
}

std::string hash_of_state(const optim::Optimizer& optimizer) {
  Sha256 hash;
  const auto add = [&](const std::string& bytes) {
    hash.add(bytes.data(), static_cast<i64>(bytes.size()));
  };
  for (const auto& [name, state] : optimizer.state().parameters) {
    add(name + std::to_string(state.steps));
    for (const Tensor& slot : state.slots) add(testing_models::bytes_of_tensor(slot));
  }
  return hash.hex();
}

// All that a sweep could leave a trace in.
struct Fingerprint {
  testing_models::Bytes weights;
  std::string optimizer, trainer;
  u64 seed = 0, counter = 0;
  std::vector<std::string> trainable;
  bool operator==(const Fingerprint&) const = default;
};
Fingerprint fingerprint(Orchestrator& run) {
  return {testing_models::bytes_of_model(run.model()),
          hash_of_state(run.trainer().optimizer()),
          save_state([&](State& s) { run.trainer().state(s); }).json,
          default_generator().seed(),
          default_generator().counter(),
          testing_models::trainable(run.model())};
}

TEST(LrFind, LeavesTheRunAsItWasInTheMiddleOfAnEpoch) {
  const auto train = [](bool sweeps) {
    Orchestrator run(lr_config(), "test");
    data::Loader loader = run.training_loader();
    run.trainer().begin_epoch(loader);
    for (int i = 0; i < 4; ++i) run.trainer().train_step();
    const i64 ordinal = next_random_op(Cpu{}).ordinal;
    const Fingerprint before = fingerprint(run);
    const data::LoaderPosition position = loader.position();
    if (sweeps) {
      EXPECT_GT(std::ssize(find_lr(run, {.steps = 40}).points), 20);
      EXPECT_TRUE(fingerprint(run) == before);
      EXPECT_EQ(loader.position(), position);
    }
    EXPECT_EQ(next_random_op(Cpu{}).ordinal, ordinal + 1);
    while (run.trainer().train_step()) {
    }
    run.trainer().end_epoch();
    return fingerprint(run);
  };
  const Fingerprint with = train(true), without = train(false);
  EXPECT_EQ(with.weights, without.weights);
  EXPECT_EQ(with.optimizer, without.optimizer);
  EXPECT_EQ(with.seed, without.seed);
  EXPECT_EQ(with.counter, without.counter);
}

TEST(LrFind, SweepsTheRateInEqualFactors) {
  Orchestrator run(lr_config(), "test");
  const LrFinding finding = find_lr(run, {.from = 1e-5, .to = 1e-2, .steps = 31});
  ASSERT_EQ(finding.points.size(), 31u);
  EXPECT_EQ(finding.ended, "");
  EXPECT_DOUBLE_EQ(finding.points[0].lr, 1e-5);
  EXPECT_NEAR(finding.points[10].lr, 1e-4, 1e-12);
  EXPECT_NEAR(finding.points[30].lr, 1e-2, 1e-10);
  const LrFinding again = find_lr(run, {.from = 1e-5, .to = 1e-2, .steps = 31});
  for (std::size_t i = 0; i < 31; ++i) EXPECT_EQ(finding.points[i].loss, again.points[i].loss) << i;
}

// The losses are those of a trainer whose rate is set by hand, so the schedule is off.
TEST(LrFind, MakesTheStepsOfATrainerWithoutAScheduleSlow) {
  const std::vector<std::string> keys{"model.dropout=0", "train.accumulate=2", "precision=bf16"};
  Orchestrator run(lr_config(keys), "test");
  const LrFinding finding = find_lr(run, {.from = 1e-4, .to = 1e-1, .steps = 20});
  std::vector<std::string> plain = keys;
  plain.insert(plain.end(), {"scheduler=constant", "optimizer.lr=1e-4"});
  Orchestrator other(lr_config(plain), "test");
  data::Loader loader = other.training_loader();
  Trainer& trainer = other.trainer();
  double sum = 0, weight = 0;
  trainer.begin_epoch(loader);
  for (std::size_t i = 0; i < 5; ++i) {  // an epoch
    if (i > 0) trainer.scale_lr(std::pow(1e3, 1 / 19.0));
    ASSERT_TRUE(trainer.train_step());
    save_state([&](State& s) { trainer.state(s); });
    const LossTotals totals = trainer.progress().epoch.loss;
    EXPECT_NEAR(finding.points[i].loss, (totals.sum - sum) / (totals.weight - weight), 1e-6) << i;
    sum = totals.sum;
    weight = totals.weight;
  }
}

TEST(LrFind, WorksWithEveryOptimizerAndPrecisionSlow) {
  for (const std::string name : {"sgd", "adam", "adamw"})
    for (const char* precision : {"fp32", "bf16", "fp16"}) {
      Orchestrator run(
          lr_config({"optimizer={type: " + name +
                         ", lr: 0.01, param_groups: [{match: ['*.bias'], lr_factor: 0.5}]}",
                     std::string("precision=") + precision, "model={type: mlp, hidden: [8]}"}),
          "test");
      const LrFinding finding = find_lr(run, {.steps = 40});
      EXPECT_GT(finding.points.size(), 20u) << name << precision;
      EXPECT_TRUE(std::isfinite(finding.points.back().smoothed)) << name << precision;
      EXPECT_FALSE(finding.reason.empty()) << name << precision;
    }
}

TEST(LrFind, RepeatsTheStepsThatTheLossScaleSkipsSlow) {
  Orchestrator run(lr_config({"precision={type: fp16, init_scale: 1e9, max_scale: 1e9}"}), "test");
  const LrFinding finding = find_lr(run, {.from = 1e-6, .to = 1e-4, .steps = 25});
  EXPECT_GT(finding.skipped, 3);
  EXPECT_EQ(finding.points.size(), 25u);
  EXPECT_NEAR(finding.points.back().lr, 1e-4, 1e-12);
}

TEST(LrFind, EndsWithALossThatIsNotFinite) {
  Orchestrator run(lr_config({"optimizer={type: sgd, lr: 0.1}"}), "test");
  const Fingerprint before = fingerprint(run);
  const LrFinding finding = find_lr(run, {.from = 1e-3, .to = 1e30, .steps = 60});
  EXPECT_FALSE(finding.ended.empty());
  EXPECT_LT(finding.points.size(), 60u);
  ASSERT_TRUE(finding.diverged_at.has_value());
  ASSERT_TRUE(finding.suggestion.has_value());
  EXPECT_LE(*finding.suggestion, *finding.diverged_at / 10 * 1.0001);
  EXPECT_TRUE(fingerprint(run) == before);
}

TEST(LrFind, AsksStrategiesForTheBeginningOfARunAlone) {
  asked() = {};
  Orchestrator run(
      lr_config({"strategy=[{type: staged_unfreeze, stages: [{at: 0ep, train: ['classifier.*']}, "
                 "{at: 1ep, train: ['*']}]}, lr_find_probe]"}),
      "test");
  const std::vector<std::string> before = testing_models::trainable(run.model());
  find_lr(run, {.steps = 35});  // more than three epochs
  EXPECT_EQ(asked().train_begins, 1);
  EXPECT_EQ(asked().epoch_begins, 1);
  EXPECT_EQ(asked().steps, 0);
  ASSERT_FALSE(asked().trainable.empty());
  for (const std::string& name : asked().trainable)
    EXPECT_TRUE(name.starts_with("classifier.")) << name;
  EXPECT_EQ(testing_models::trainable(run.model()), before);
}

TEST(LrFind, KeepsFrozenPartsAsTheyAre) {
  Orchestrator run(lr_config({"strategy={type: staged_unfreeze, stages: [{at: 0ep, train: "
                              "['3.bias']}]}",
                              "model={type: mlp, hidden: [8]}"}),
                   "test");
  const LrFinding frozen = find_lr(run, {.from = 1e-3, .to = 1e-1, .steps = 40});
  Orchestrator all(lr_config({"model={type: mlp, hidden: [8]}"}), "test");
  const LrFinding free = find_lr(all, {.from = 1e-3, .to = 1e-1, .steps = 40});
  EXPECT_EQ(frozen.points.front().loss, free.points.front().loss);
  EXPECT_NE(frozen.points.back().loss, free.points.back().loss);
}

// Those of the config, of a further model, and of the trainer's own options.
TEST(LrFind, SwitchesEveryScheduleOff) {
  const auto losses = [](const std::string& scheduler) {
    const std::string options = "optimizer: sgd" + scheduler;
    Orchestrator run(lr_config({"model={type: mlp, hidden: [8]}",
                                "trainer={type: adversarial, adversary: {model: {type: mlp, "
                                "hidden: [4]}, " +
                                    options + "}}"}),
                     "test");
    std::vector<double> all;
    for (const LrPoint& point : find_lr(run, {.from = 1e-3, .to = 1, .steps = 40}).points)
      all.push_back(point.loss);
    return all;
  };
  const std::vector<double> plain = losses("");
  EXPECT_GT(plain.size(), 20u);
  EXPECT_EQ(losses(", scheduler: {type: cosine, warmup: 2ep}"), plain);
}

TEST(LrFind, RepeatsNoWarningOfTheRun) {
  std::vector<std::string> warnings;
  const LogSink before = set_log_sink([&](LogLevel level, std::string_view message) {
    if (level == LogLevel::warning) warnings.emplace_back(message);
  });
  Orchestrator run(lr_config({"train.accumulate=2"}), "test");
  find_lr(run, {.steps = 20});
  log_warning("still heard");
  set_log_sink(before);
  ASSERT_EQ(warnings.size(), 2u);
  EXPECT_TRUE(warnings[0].starts_with("accumulate: 2 batches make a step")) << warnings[0];
  EXPECT_EQ(warnings[1], "still heard");
}

TEST(LrFind, RefusesWhatItCannotSweep) {
  Orchestrator run(lr_config(), "test");
  EXPECT_NE(message_of([&] { find_lr(run, {.from = 1, .to = 1}); }).find("rate above from"),
            std::string::npos);
  EXPECT_NE(message_of([&] { find_lr(run, {.from = 0}); }).find("lr-find: from"),
            std::string::npos);
  EXPECT_NE(message_of([&] { find_lr(run, {.steps = 3}); }).find("lr-find: steps"),
            std::string::npos);
  Orchestrator streamed(lr_config({"data={type: stream, address: 'unix:/tmp/weft-lr-find', "
                                   "epoch_steps: 4, stored: {type: tiny_for_lr_find}}",
                                   "train.max_steps=10"}),
                        "test");
  EXPECT_NE(message_of([&] { find_lr(streamed); }).find("a stream, whose records come once"),
            std::string::npos);
}

// --- the suggestion -----------------------------------------------------------------------------

// Losses of 200 rates from 1e-7 to 10, with noise.
template <class Loss>
std::vector<LrPoint> sweep(const Loss& loss, double noise = 0) {
  std::mt19937_64 engine(1);
  std::normal_distribution<double> normal;
  std::vector<LrPoint> points;
  for (int i = 0; i < 200; ++i) {
    const double lr = 1e-7 * std::pow(1e8, i / 199.0);
    points.push_back({.lr = lr, .loss = loss(lr) + noise * normal(engine)});
  }
  return points;
}

// Falls from 2.3 to 0.3, most steeply at 1e-2, and rises from 1 on.
double valley(double lr) {
  return 0.3 + 2 / (1 + std::pow(lr / 1e-2, 1.5)) + (lr > 1 ? 20 * (lr - 1) : 0);
}

TEST(LrSuggestion, IsTheSteepestDescent) {
  for (const double noise : {0.0, 0.05, 0.2}) {
    const LrFinding finding = suggest_lr(sweep(valley, noise));
    ASSERT_TRUE(finding.suggestion.has_value()) << finding.reason;
    EXPECT_NEAR(std::log10(*finding.suggestion), -2, noise > 0.1 ? 0.6 : 0.2) << noise;
    EXPECT_EQ(finding.suggestion, finding.steepest);
    ASSERT_TRUE(finding.diverged_at.has_value());
    EXPECT_GT(*finding.diverged_at, 1);
    EXPECT_EQ(finding.reason.find("the steepest descent"), 0u) << finding.reason;
  }
}

TEST(LrSuggestion, KeepsAnOrderBelowTheRateThatDiverged) {
  const LrFinding finding = suggest_lr(sweep([](double lr) {
    return lr > 3e-2 ? 100 * lr / 3e-2 : 2.3 - 2 / (1 + std::pow(lr / 1e-2, -3));
  }));
  ASSERT_TRUE(finding.diverged_at && finding.steepest && finding.suggestion);
  EXPECT_DOUBLE_EQ(*finding.suggestion, *finding.diverged_at / 10);
  EXPECT_GT(*finding.steepest, *finding.suggestion);
  EXPECT_NE(finding.reason.find("a tenth of"), std::string::npos) << finding.reason;
}

// A network whose units have died gives a constant loss, which is no multiple of the lowest.
TEST(LrSuggestion, TakesALossAsAtFirstAsDiverged) {
  const LrFinding finding =
      suggest_lr(sweep([](double lr) { return lr > 0.1 ? 2.9 : valley(lr) + 0.6; }));
  ASSERT_TRUE(finding.diverged_at.has_value());
  EXPECT_NEAR(std::log10(*finding.diverged_at), -0.5, 0.5);
}

TEST(LrSuggestion, SaysWhenThereIsNone) {
  const LrFinding flat = suggest_lr(sweep([](double) { return 2.3; }, 0.1));
  EXPECT_FALSE(flat.suggestion.has_value()) << *flat.suggestion;
  EXPECT_EQ(flat.reason.find("no suggestion"), 0u) << flat.reason;
  const LrFinding few = suggest_lr({{.lr = 1e-3, .loss = 1}, {.lr = 1e-2, .loss = 0.5}});
  EXPECT_FALSE(few.suggestion.has_value());
  EXPECT_FALSE(suggest_lr({}).suggestion.has_value());
}

TEST(LrSuggestion, TakesATenthWhereTheLossOnlyDiverged) {
  std::vector<LrPoint> points = sweep([](double) { return 2.3; }, 0.02);
  points.resize(150);
  points.back().loss = std::nan("");
  const double lr = points.back().lr;
  const LrFinding finding = suggest_lr(points);
  EXPECT_DOUBLE_EQ(*finding.diverged_at, lr);
  EXPECT_DOUBLE_EQ(*finding.suggestion, lr / 10);
  EXPECT_EQ(finding.points.size(), 149u);
  EXPECT_NE(finding.reason.find("never fell"), std::string::npos) << finding.reason;
}

// A sweep of these losses, each at a rate `factor` times that of the one before.
std::vector<LrPoint> sweep_of(const std::vector<double>& losses, double from, double factor) {
  std::vector<LrPoint> points;
  double lr = from;
  for (const double loss : losses) {
    points.push_back({.lr = lr, .loss = loss});
    lr *= factor;
  }
  return points;
}

// The first rates are too high already, so no average is low and only the first loss shows it.
TEST(LrSuggestion, IsNoneWhereTheLossExplodedAtOnce) {
  const LrFinding rising = suggest_lr(sweep_of(
      {2.38, 6.8e4, 6.1e4, 6e4, 5.7e4, 3.7e5, 9.9e5, 3e6, 1.2e7, 4e6, 4.2e7, 5e10}, 1, 1.83));
  EXPECT_FALSE(rising.suggestion.has_value()) << *rising.suggestion;
  ASSERT_TRUE(rising.diverged_at.has_value());
  EXPECT_LT(*rising.diverged_at, 7) << "three losses far above the first are enough";
  EXPECT_NE(rising.reason.find("below the first rate of the sweep; a lower first rate (--from)"),
            std::string::npos)
      << rising.reason;
  // Averages that fall from a loss that had exploded.
  std::vector<double> losses(14, 20);
  losses.front() = 2.3;
  for (double loss = 19; loss > 6; loss -= 1.5) losses.push_back(loss);
  losses.insert(losses.end(), 6, 6);
  const LrFinding falling = suggest_lr(sweep_of(losses, 1, 2));
  EXPECT_TRUE(falling.steepest.has_value());
  EXPECT_FALSE(falling.suggestion.has_value()) << *falling.suggestion;
  EXPECT_NE(falling.reason.find("from 2.3 in the first step"), std::string::npos) << falling.reason;
  EXPECT_NE(falling.reason.find("(--from)"), std::string::npos) << falling.reason;
}

TEST(LrSuggestion, LiesWithinTheRatesSwept) {
  const LrFinding finding = suggest_lr(sweep_of({2.38, 6.8e4, std::nan("")}, 1, 1e15));
  EXPECT_FALSE(finding.suggestion.has_value()) << *finding.suggestion;
  EXPECT_NE(finding.reason.find("closer together"), std::string::npos) << finding.reason;
}

// A tenth of the rate that diverged, where the loss had risen a little.
TEST(LrSuggestion, IsNoneAboveTheLossOfTheFirstSteps) {
  std::vector<double> losses(12, 2.3);
  for (double loss = 2.6; loss < 40; loss *= 1.15) losses.push_back(loss);
  const LrFinding finding = suggest_lr(sweep_of(losses, 0.01, 1.2));
  ASSERT_TRUE(finding.diverged_at.has_value());
  EXPECT_FALSE(finding.suggestion.has_value()) << *finding.suggestion;
  EXPECT_NE(finding.reason.find("had already grown"), std::string::npos) << finding.reason;
}

TEST(LrSuggestion, IsNotBentByASpike) {
  const auto smoothed_at_best = [](double spike) {
    std::vector<double> losses(20, 2.3);
    for (double loss = 2.25; loss > 1.5; loss -= 0.1) losses.push_back(loss);
    const std::size_t best = losses.size() - 1;
    for (const double loss : {2.2, spike, spike, 2.4, 2.4, 2.4, 3.0, 30.0, 80.0})
      losses.push_back(loss);
    const LrFinding finding = suggest_lr(sweep_of(losses, 1e-4, 1.37));
    EXPECT_TRUE(finding.diverged_at.has_value());
    return finding.points[best].smoothed;
  };
  EXPECT_LT(smoothed_at_best(6.5), 2.2) << "the line before the spike keeps below the first losses";
  EXPECT_EQ(smoothed_at_best(6.5), smoothed_at_best(6.9));
}

TEST(LrSuggestion, SmoothsWithoutALag) {
  const LrFinding finding = suggest_lr(sweep([](double lr) { return -std::log10(lr); }));
  for (const LrPoint& point : finding.points) EXPECT_NEAR(point.smoothed, point.loss, 1e-9);
}

}  // namespace
}  // namespace weft::train
