// SPDX-License-Identifier: Apache-2.0
// The training step: an epoch made of single steps, the state after a failed step, and the step of
// `weft trace`.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/core/config/config.h"
#include "weft/optim/adam.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/trace/trace.h"

namespace weft::train {
namespace {

using testing_models::bytes_of_model;
using testing_models::bytes_of_tensor;
using testing_models::tiny_images;

// The model has dropout and batch norm, so that more than the weights is compared.
nn::AnyModule net_with_dropout() {
  manual_seed(4);
  return nn::cnn({.channels = {3, 4}, .hidden = 5, .dropout = 0.3})
      .make(nn::ModelInput{Shape{4, 4, 1}, 3});
}

struct Stepping {
  explicit Stepping(TrainerOptions options = {}, i64 samples = 43)
      : loader(tiny_images(samples), {.batch_size = 6, .shuffle = true, .seed = 8, .workers = 0}),
        trainer((options.optimizer = optim::adamw({.lr = 0.01}), *model), classification(),
                options) {}
  testing_models::Bytes bytes() {
    testing_models::Bytes all = bytes_of_model(*model);
    for (const auto& [name, state] : trainer.optimizer().state().parameters)
      for (const Tensor& slot : state.slots) all[name + " state"] += bytes_of_tensor(slot);
    return all;
  }

  nn::AnyModule model = net_with_dropout();
  data::Loader loader;
  Trainer trainer;
};

std::string error_in(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

// 43 samples in batches of 6 are eight batches. With three per step, the last step has two, and the
// last batch has one sample.
TEST(TrainStep, AnEpochOfSingleStepsIsTrainOneEpochToTheBit) {
  const TrainerOptions options{
      .scheduler = optim::linear({}), .epochs = 3, .accumulate = 3, .clip_norm = 0.05, .seed = 9};
  Stepping whole(options), single(options);
  for (i64 epoch = 1; epoch <= 3; ++epoch) {
    const EpochResult expected = whole.trainer.train_one_epoch(whole.loader);
    single.trainer.begin_epoch(single.loader);
    i64 steps = 0;
    while (single.trainer.train_step()) {
      ++steps;
      EXPECT_EQ(single.trainer.progress().steps_begun, 3 * (epoch - 1) + steps);
      EXPECT_EQ(single.trainer.progress().epoch.batches, std::min<i64>(3 * steps, 8));
      EXPECT_EQ(single.trainer.progress().epochs_done, epoch - 1);
    }
    EXPECT_EQ(steps, 3);
    EXPECT_FALSE(single.trainer.train_step()) << "the epoch is over";
    const EpochResult result = single.trainer.end_epoch();
    EXPECT_EQ(result.epoch, epoch);
    EXPECT_EQ(result.loss, expected.loss);
    EXPECT_EQ(result.lr, expected.lr);
    EXPECT_EQ(result.steps, expected.steps);
    EXPECT_EQ(result.samples, 43);
    EXPECT_TRUE(result.complete);
    EXPECT_EQ(single.bytes(), whole.bytes());
  }
  EXPECT_EQ(single.trainer.progress().epochs_done, 3);
}

TEST(TrainStep, NeedsAnEpochThatHasBegun) {
  Stepping run;
  const std::string step = "train_step: no epoch has begun; begin_epoch() is required",
                    end = "end_epoch: no epoch has begun; begin_epoch() is required";
  EXPECT_THROW(run.trainer.train_step(), UserError);
  EXPECT_EQ(error_in([&] { run.trainer.train_step(); }), step);
  EXPECT_EQ(error_in([&] { run.trainer.end_epoch(); }), end);
  testing_models::one_step(run.trainer, run.loader);
  EXPECT_EQ(error_in([&] { run.trainer.train_step(); }), step) << "the epoch was ended";
  EXPECT_EQ(error_in([&] { run.trainer.end_epoch(); }), end);
  EXPECT_EQ(run.trainer.progress().steps_begun, 1);
}

TEST(TrainStep, AnEpochEndsAtMaxStepsAndAfterTheStepOfAStop) {
  Stepping limited({.max_steps = 3});
  limited.trainer.begin_epoch(limited.loader);
  for (const bool more : {true, true, true, false, false})
    EXPECT_EQ(limited.trainer.train_step(), more);
  EXPECT_FALSE(limited.trainer.end_epoch().complete);

  Stepping stopped;
  std::stop_source stop;
  stopped.trainer.set_stop_token(stop.get_token());
  stopped.trainer.begin_epoch(stopped.loader);
  EXPECT_TRUE(stopped.trainer.train_step());
  stop.request_stop();
  EXPECT_FALSE(stopped.trainer.train_step());
  const EpochResult result = stopped.trainer.end_epoch();
  EXPECT_EQ(result.steps, 1);
  EXPECT_EQ(result.samples, 6);
  EXPECT_FALSE(result.complete);
  EXPECT_EQ(stopped.trainer.progress().epoch.batches, 1) << "for a checkpoint";
}

// The loss of some batches is NaN. Batches are counted in their order, from 1.
class FailingTrainer : public Trainer {
 public:
  FailingTrainer(nn::Module& model, const TrainerOptions& options)
      : Trainer(model, classification(), options) {}
  std::vector<i64> bad;
  i64 batches = 0;

 protected:
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable loss = Trainer::compute_loss(x, target);
    const bool fails = std::find(bad.begin(), bad.end(), ++batches) != bad.end();
    return fails ? loss * std::numeric_limits<double>::quiet_NaN() : loss;
  }
};

// Records the report of a failed step, and the steps that begin.
struct Reports : TrainerObserver {
  struct Named {
    i64 epoch, batch_idx, step, first_sample;
    std::vector<i64> labels;
  };
  std::vector<Named> non_finite;
  std::vector<i64> begun;
  std::vector<std::vector<i64>> labels;  // of the batches that began

  void on_step_begin(Trainer&, i64 step) override { begun.push_back(step); }
  void on_batch_begin(Trainer&, const BatchInProgress& at) override {
    labels.push_back(at.batch.y.to_vector<i64>());
  }
  void on_non_finite(Trainer&, const BatchInProgress& at) override {
    non_finite.push_back(
        {at.epoch, at.batch_idx, at.step, at.first_sample, at.batch.y.to_vector<i64>()});
  }
};

// With three batches per step, batches 4, 5 and 6 make the second step. Two of them fail, and the
// first failure is reported.
TEST(TrainStep, AReportNamesTheMicroBatchWhoseLossIsNotFinite) {
  const nn::AnyModule model = net_with_dropout();
  data::Loader loader(tiny_images(43), {.batch_size = 6, .shuffle = true, .seed = 8, .workers = 0});
  FailingTrainer trainer(*model, {.epochs = 2, .accumulate = 3});
  Reports reports;
  trainer.add_observer(reports);
  trainer.bad = {8 + 5, 8 + 6};
  trainer.train_one_epoch(loader);
  EXPECT_NE(error_in([&] {
              trainer.train_one_epoch(loader);
            }).find("the loss is nan at batch 5 of epoch 2; try a lower learning rate"),
            std::string::npos);
  ASSERT_EQ(reports.non_finite.size(), 1u);
  const Reports::Named& bad = reports.non_finite[0];
  EXPECT_EQ(bad.epoch, 2);
  EXPECT_EQ(bad.batch_idx, 5);
  EXPECT_EQ(bad.step, 4);
  EXPECT_EQ(bad.first_sample, 6);
  EXPECT_EQ(bad.labels, reports.labels.at(8 + 4));
}

TEST(TrainStep, AFailedStepHasNotBegun) {
  const auto make = [](nn::Module& model) {
    return std::make_unique<FailingTrainer>(
        model, TrainerOptions{.optimizer = optim::adamw({.lr = 0.01}), .seed = 3});
  };
  const auto loader_of = [] {
    return data::Loader(tiny_images(43),
                        {.batch_size = 6, .shuffle = true, .seed = 8, .workers = 0});
  };
  const nn::AnyModule model = net_with_dropout(), unharmed = net_with_dropout();
  data::Loader loader = loader_of(), other = loader_of();
  const auto trainer = make(*model), reference = make(*unharmed);
  Reports reports;
  trainer->add_observer(reports);
  trainer->bad = {3};
  trainer->begin_epoch(loader);
  reference->begin_epoch(other);
  for (int step = 0; step < 2; ++step) {
    EXPECT_TRUE(trainer->train_step());
    EXPECT_TRUE(reference->train_step());
  }
  EXPECT_THROW(trainer->train_step(), TrainingError);
  EXPECT_EQ(trainer->progress().steps_begun, 2);
  trainer->synchronize();  // nothing is in flight
  EXPECT_EQ(trainer->optimizer().applied_steps(), 2);
  EXPECT_EQ(bytes_of_model(*model), bytes_of_model(*unharmed)) << "statistics of batch norms too";
  // When the epoch begins again, its step 3 has the index of the failed step, and so the same
  // random numbers.
  trainer->begin_epoch(loader);
  EXPECT_TRUE(trainer->train_step());
  EXPECT_EQ(reports.begun, (std::vector<i64>{0, 1, 2, 2}));
  EXPECT_EQ(trainer->optimizer().applied_steps(), 3);
  EXPECT_NE(bytes_of_model(*model), bytes_of_model(*unharmed));
}

// A module that forgets one of its parameters in parts().
struct Forgetful : nn::Module {
  nn::Linear fc{16, 3};
  nn::Parameter scale{Tensor::full({3}, 1)};
  bool is_part = false;
  void parts(nn::Parts& p) override {
    p("fc", fc);
    if (is_part) p("scale", scale);
  }
  Variable forward(const Variable& x) override {
    return mul(fc(reshape(x, {x.shape()[0], 16})), scale.variable());
  }
};

TEST(TrainStep, ATrainableLeafThatIsInNoPartIsRefused) {
  data::Loader loader(tiny_images(12), {.batch_size = 6, .workers = 0});
  Forgetful forgetful;
  const auto before = bytes_of_model(forgetful);
  Trainer trainer(forgetful, classification(), {});
  const std::string error = error_in([&] { trainer.train_one_epoch(loader); });
  EXPECT_NE(error.find("Trainer: a trainable leaf "), std::string::npos) << error;
  EXPECT_NE(error.find("names in parts() is required"), std::string::npos) << error;
  EXPECT_EQ(bytes_of_model(forgetful), before) << "the step is not applied";

  forgetful.scale.variable().set_requires_grad(false);  // a constant may be in no part
  EXPECT_EQ(trainer.train_one_epoch(loader).steps, 2);
  Forgetful whole;
  whole.is_part = true;
  EXPECT_EQ(Trainer(whole, classification(), {}).train_one_epoch(loader).steps, 2);
}

TEST(TrainStep, ALossIsComputedAgainToTheBit) {
  struct Again : TrainerObserver {
    std::vector<double> losses;
    void on_batch_begin(Trainer& trainer, const BatchInProgress& batch) override {
      const NoGrad no_grad;
      const nn::StatisticsScope dropped;
      losses.push_back(trainer.loss_of(batch).value().item<double>());
    }
  } again;
  Stepping run({.seed = 5}, 6);
  run.trainer.add_observer(again);
  for (std::size_t epoch = 0; epoch < 3; ++epoch) {
    const double loss = run.trainer.train_one_epoch(run.loader).loss;
    EXPECT_EQ(loss, again.losses.at(epoch));
  }
  EXPECT_NE(again.losses[0], again.losses[1]);
}

class TracedStep : public testing_runs::InScratchFolder {
 protected:
  TracedStep() : InScratchFolder("traced") {}
};

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_trace", [](const NoOptions&) { return testing_models::tiny_splits(24); });

// A trace makes a warm-up step of epoch 1 and traces a step of epoch 2. A run whose epochs have one
// batch makes the same two steps. The lower layers are frozen at first.
TEST_F(TracedStep, IsTheStepOfARunToTheBit) {
  ASSERT_TRUE(registered);
  const RunConfig config = config::load_text<RunConfig>(R"(
run: {seed: 7}
data: {type: tiny_for_trace, validation_split: 0}
model: {type: cnn, channels: [3, 4], hidden: 5, dropout: 0.3}
strategy: {type: staged_unfreeze, stages: [{at: 0ep, train: ['classifier.*', 'features.1.*']}]}
optimizer: {type: adamw, lr: 1e-2}
scheduler: {type: cosine, warmup: 1ep}
train: {epochs: 2, batch_size: 24, clip_norm: 0.1}
)",
                                                        "test.yaml", {"run.dir=" + dir().string()})
                               .value;
  const auto all_of = [](Orchestrator& run) {
    testing_models::Bytes all = bytes_of_model(run.model());
    for (const auto& [name, state] : run.trainer().optimizer().state().parameters)
      for (const Tensor& slot : state.slots) all[name + " state"] += bytes_of_tensor(slot);
    return all;
  };
  Orchestrator traced(config, "test");
  const testing_models::Bytes before = bytes_of_model(traced.model());
  const Trace trace = trace_step(traced);
  EXPECT_FALSE(testing_runs::fs::exists(dir())) << "a trace writes nothing";
  Orchestrator trained(config, "test");
  trained.train();
  EXPECT_EQ(all_of(traced), all_of(trained));
  EXPECT_EQ(trace.loss, trained.history().at(1).metrics.at("train/loss"));
  EXPECT_EQ(traced.trainer().optimizer().applied_steps(), 2);
  const testing_models::Bytes after = bytes_of_model(traced.model());
  EXPECT_EQ(after.at("features.0.weight"), before.at("features.0.weight"));
  EXPECT_NE(after.at("classifier.5.weight"), before.at("classifier.5.weight"));
  // The trace has the ops of one step only.
  i64 losses = 0;
  for (const TracedOp& op : trace.ops) losses += op.op == "cross_entropy" ? 1 : 0;
  EXPECT_EQ(losses, 1);
}

// The traced step is the second of its epoch, or the first of the next one.
TEST_F(TracedStep, EachEpochBeginsOnce) {
  struct Epochs : Callback {
    std::string calls;
    double loss = 0;
    using Callback::on_epoch_end;
    void on_epoch_begin(Trainer&, i64 epoch) override { calls += fmt::format("{}( ", epoch); }
    void on_epoch_end(Trainer&, const EpochResult&) override { calls += ") "; }
    void on_batch_end(Trainer&, const Progress& progress) override {
      if (progress.batch <= 2) loss = progress.loss() - loss / 2;
    }
  };
  for (const auto& [batch, calls] : {std::pair(8, "0( ) "), std::pair(24, "0( ) 1( ) ")}) {
    const RunConfig config =
        config::load_text<RunConfig>(
            fmt::format("data: {{type: tiny_for_trace, validation_split: 0}}\nmodel: mlp\n"
                        "train: {{batch_size: {}}}\n",
                        batch),
            "test.yaml", {})
            .value;
    Orchestrator run(config, "test");
    const auto epochs = std::make_shared<Epochs>();
    run.add_callback(epochs);
    const Trace trace = trace_step(run);
    EXPECT_EQ(epochs->calls, calls);
    if (batch == 8) {
      EXPECT_NEAR(trace.loss, 2 * epochs->loss, 1e-6);
    }
  }
}

}  // namespace
}  // namespace weft::train
