// SPDX-License-Identifier: Apache-2.0
// Several optimizers under one trainer: each steps its own parameters with its own options and is
// saved by name, and a resumed run gives the same bits.
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/nn/serialize.h"
#include "weft/optim/adam.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using testing_models::bytes_of_model;
using Keys = std::vector<std::string>;

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_several", [](const NoOptions&) { return testing_models::tiny_splits(125); });

constexpr const char* kTwoOptimizers = R"(
run: {seed: 3}
data: {type: tiny_for_several, validation_split: 0.2}
model: {type: mlp, hidden: [12]}
trainer:
  type: adversarial
  strength: 0.4
  adversary:
    model: {type: mlp, hidden: [5]}
    optimizer: {type: adamw, lr: 3e-3}
    scheduler: {type: step, every: 4ba, gamma: 0.5}
optimizer: {type: sgd, lr: 0.05, momentum: 0.9}
scheduler: {type: cosine, warmup: 1ep}
train: {epochs: 3, batch_size: 24}
checkpoint: {every: 2ba, keep_last: 2}
)";

class SeveralOptimizers : public InScratchFolder {
 protected:
  SeveralOptimizers() : InScratchFolder("several") {}

  RunConfig config(const std::string& name, Keys keys = {}) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kTwoOptimizers, "test.yaml", keys).value;
  }
  // The results of a run, including the second model.
  auto outcome(const std::string& name) const {
    auto all = outcome_of(dir(name));
    all["adversary"] = {
        sha256_of_file((dir(name) / "checkpoints/last/adversary.safetensors").string())};
    return all;
  }
  // Interrupts a run at its n-th batch and resumes it, for each n.
  void expect_law(const Keys& keys, const std::vector<i64>& batches) const {
    fs::remove_all(dir("whole"));
    Orchestrator(config("whole", keys), "test").train();
    const auto expected = outcome("whole");
    for (const i64 batch : batches) {
      fs::remove_all(dir("broken"));
      ASSERT_TRUE(stopped_at(config("broken", keys), batch));
      Keys again = keys;
      again.emplace_back("resume=auto");
      Orchestrator(config("broken", again), "test").train();
      EXPECT_EQ(outcome("broken"), expected) << batch;
    }
  }
};

using Numbers = std::map<std::string, std::vector<double>>;
Numbers gradients_of(nn::Module& module) {
  Numbers all;
  for (const nn::NamedParameter& p : module.named_parameters())
    all[p.name] = p.variable.grad().to(DType::f64).to_vector<double>();
  return all;
}
Numbers values_of(nn::Module& module) {
  Numbers all;
  for (const nn::NamedParameter& p : module.named_parameters())
    all[p.name] = p.variable.value().to(DType::f64).to_vector<double>();
  return all;
}
void train_all(nn::Module& module, bool on) {
  for (const nn::NamedParameter& p : module.named_parameters()) p.variable.set_requires_grad(on);
}

// Plain gradient steps: the model descends and the adversary ascends, each with its own learning
// rate. The expected gradients are of two losses that are computed separately, with the other model
// frozen.
TEST_F(SeveralOptimizers, TheModelDescendsWhatTheAdversaryClimbs) {
  ASSERT_TRUE(registered);
  Orchestrator run(config("run", {"optimizer={type: sgd, lr: 0.1}", "scheduler=constant",
                                  "trainer.adversary.optimizer={type: sgd, lr: 0.7}",
                                  "trainer.adversary.scheduler=constant", "trainer.weight=0.3"}),
                   "test");
  nn::Module &model = run.model(), &adversary = *run.trainer().models()[1].module;
  data::Loader loader(run.data().train, {.batch_size = 10, .workers = 0});
  loader.start_epoch();
  const data::Batch batch = *loader.next();
  const InputPipeline input(run.data().train->info(), run.data().normalization, Cpu{});
  const auto [x, target] = input(batch);
  const auto changed = [&, &x = x, &target = target] {
    const Variable change = 0.4 * tanh(adversary(x));
    return cross_entropy(model(x + reshape(change, x.shape())), target);
  };

  const Numbers model_before = values_of(model), adversary_before = values_of(adversary);
  train_all(adversary, false);
  Variable loss = 0.7 * cross_entropy(model(x), target) + 0.3 * changed();
  const double expected = loss.value().item<double>();
  loss.backward();
  const Numbers down = gradients_of(model);
  train_all(adversary, true);
  train_all(model, false);
  changed().backward();
  const Numbers up = gradients_of(adversary);
  train_all(model, true);

  run.trainer().rebuild_optimizer_and_scheduler();  // requires_grad was changed
  EXPECT_NEAR(testing_models::one_step(run.trainer(), loader), expected, 1e-6);
  for (const auto& [name, after] : values_of(model))
    for (std::size_t i = 0; i < after.size(); ++i)
      EXPECT_NEAR(after[i], model_before.at(name)[i] - 0.1 * down.at(name)[i], 1e-6) << name;
  double moved = 0;
  for (const auto& [name, after] : values_of(adversary))
    for (std::size_t i = 0; i < after.size(); ++i) {
      const double wanted = adversary_before.at(name)[i] + 0.7 * 0.3 * up.at(name)[i];
      EXPECT_NEAR(after[i], wanted, 1e-6) << name;
      moved += std::abs(after[i] - adversary_before.at(name)[i]);
    }
  EXPECT_GT(moved, 1e-3);
}

TEST_F(SeveralOptimizers, EachHasItsOwnKindLearningRateScheduleAndNames) {
  Orchestrator run(config("run", {"checkpoint.every=1ep"}), "test");
  const auto& optimizers = run.trainer().optimizers().all();
  ASSERT_EQ(optimizers.size(), 2u);
  EXPECT_EQ(optimizers[0].name, "optimizer");
  EXPECT_EQ(optimizers[1].name, "optimizers.adversary");
  run.train();
  // The learning rates are of the 15th step: the cosine is near its end, after 3 halvings.
  EXPECT_LT(optimizers[0].optimizer->lr(), 0.05 * 0.03);
  EXPECT_DOUBLE_EQ(optimizers[1].optimizer->lr(), 3e-3 / 8);
  EXPECT_EQ(optimizers[1].optimizer->applied_steps(), 15);
  const CheckpointReader saved(dir("run/checkpoints/last"));
  EXPECT_TRUE(saved.part("optimizer").tensors.contains("parameters.1.weight.momentum"));
  EXPECT_TRUE(saved.part("optimizers.adversary")
                  .tensors.contains("parameters.adversary.1.weight.mean_square"));
  EXPECT_EQ(saved.part("optimizer").tensors.size(), 4u);
  EXPECT_EQ(saved.part("optimizers.adversary").tensors.size(), 8u);
  // The second model's file has its metadata.
  const Tensor images = Tensor::zeros({2, 4, 4, 1}, DType::uint8);
  const Predictor adversary =
      Predictor::open(dir("run/checkpoints/last/adversary.safetensors").string());
  EXPECT_EQ(adversary.predict(images).shape(), (Shape{2, 16}));
}

TEST_F(SeveralOptimizers, ResumeToTheBit) {
  expect_law({}, {1, 3, 4, 6, 9, 15});
  expect_law({"train.accumulate=3", "checkpoint.every=1ba", "train.clip_norm=0.5"}, {4, 8});
  expect_law({"precision={type: fp16, init_scale: 4194304, growth_interval: 3}"}, {3, 7});
  expect_law({"trainer.adversary.scheduler={type: plateau, monitor: validation/loss, mode: max, "
              "patience: 0}",
              "validation.every=2ba", "callbacks=[rollback]"},
             {4, 9});
}

TEST_F(SeveralOptimizers, AreRebuiltTogetherAndReportedByName) {
  Orchestrator(
      config("run", {"strategy={type: staged_unfreeze, stages: [{at: 0ep, train: ['3.*']}, "
                     "{at: 1ep, train: ['*']}]}"}),
      "test")
      .train();
  std::vector<nlohmann::ordered_json> rebuilds;
  for (const std::string& line : events_of(dir("run")))
    if (auto event = nlohmann::ordered_json::parse(line); event["event"] == "rebuild")
      rebuilds.push_back(std::move(event));
  ASSERT_FALSE(rebuilds.empty());
  const auto& last = rebuilds.back();
  EXPECT_EQ(last["returned"], (Keys{"1.weight", "1.bias"}));
  EXPECT_EQ(last["kept"], (Keys{"3.weight", "3.bias", "adversary.1.weight", "adversary.1.bias",
                                "adversary.3.weight", "adversary.3.bias"}));
}

// A rollback restores one checkpoint: both models, and the state of both optimizers.
TEST_F(SeveralOptimizers, RollBackTogether) {
  struct Fails : Callback {
    i64 batches = 0;
    std::vector<testing_models::Bytes> after = {};
    void on_batch_begin(Trainer& trainer, const BatchInProgress&) override {
      if (++batches == 10) throw TrainingError("made up");
      if (batches == 6 || batches == 11)
        for (const NamedModel& model : trainer.models())
          after.push_back(bytes_of_model(*model.module));
    }
  };
  Orchestrator run(config("run", {"callbacks=[rollback]", "checkpoint.every=1ep"}), "test");
  const auto fails = std::make_shared<Fails>();
  run.add_callback(fails);
  EXPECT_EQ(run.train().failed, "");
  ASSERT_EQ(fails->after.size(), 4u);
  EXPECT_EQ(fails->after[2], fails->after[0]);
  EXPECT_EQ(fails->after[3], fails->after[1]);
}

TEST_F(SeveralOptimizers, WhatDoesNotFitIsRefused) {
  const auto refusal = [&](const Keys& keys) -> std::string {
    try {
      Orchestrator run(config("run", keys), "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refusal({"trainer={type: adversarial, strength: 1, adversary: {model: mlp}}"})
                .find("trainer.adversary.optimizer: expected"),
            std::string::npos);
  EXPECT_NE(refusal({"trainer.adversary.scheduler={type: plateau, monitor: validation/los}"})
                .find("optimizers.adversary: monitor: 'validation/los' is not measured"),
            std::string::npos);
  Log log;
  EXPECT_EQ(refusal({"train.capture=true"}), "accepted");
  EXPECT_TRUE(log.has("steps run op by op")) << log.text();
  EXPECT_FALSE(fs::exists(dir("run")));
}

// A custom trainer with a second network, whose gradients can be made to overflow.
struct Weight : nn::Module {
  nn::Linear fc{1, 1};
  void parts(nn::Parts& p) override { p("fc", fc); }
  Variable forward(const Variable& x) override { return fc(x); }
};
struct TwoNets : Trainer {
  TwoNets(nn::Module& model, Weight& second_net, const TrainerOptions& options)
      : Trainer(model, classification(), options), second(second_net) {
    add_optimizer("second", second.named_parameters(), optim::sgd({.lr = 0.1}), optim::constant());
  }
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable ones = Variable(Tensor::full({1, 1}, 1.0));
    return Trainer::compute_loss(x, target) + sum(second(ones)) * factor;
  }
  void take_again() {
    add_optimizer("again", second.named_parameters(), optim::sgd({.lr = 0.1}), optim::constant());
  }
  Weight& second;
  double factor = 1;
};

TEST(SeveralOptimizersOfATrainer, SkipAStepEachByItself) {
  manual_seed(1);
  nn::AnyModule model = testing_models::tiny_mlp();
  Weight second;
  TwoNets trainer(*model, second,
                  {.optimizer = optim::sgd({.lr = 0.1}),
                   .precision = fp16({.init_scale = 1024, .growth_interval = 100})});
  data::Loader loader(testing_models::tiny_images(24), {.batch_size = 8, .workers = 0});
  const auto& optimizers = trainer.optimizers().all();
  testing_models::one_step(trainer, loader);
  EXPECT_EQ(optimizers[0].optimizer->applied_steps(), 1);
  EXPECT_EQ(optimizers[1].optimizer->applied_steps(), 1);

  const auto before = bytes_of_model(second), model_before = bytes_of_model(*model);
  trainer.factor = 1e36;  // × 1024 is infinite in fp32
  testing_models::one_step(trainer, loader);
  EXPECT_EQ(optimizers[0].optimizer->applied_steps(), 2);
  EXPECT_EQ(optimizers[1].optimizer->applied_steps(), 1);
  EXPECT_EQ(bytes_of_model(second), before);
  EXPECT_NE(bytes_of_model(*model), model_before);
  EXPECT_EQ(trainer.optimizers().loss_scaler()->scale(), 512);  // one scale for both
}

TEST(SeveralOptimizersOfATrainer, AParameterHasOneOfThem) {
  nn::AnyModule model = testing_models::tiny_mlp();
  Weight second;
  TwoNets trainer(*model, second, {});
  try {
    trainer.take_again();
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_STREQ(
        error.what(),
        "add_optimizer: 'again.fc.weight' is 'second.fc.weight' of optimizers.second; a parameter "
        "of no other optimizer is required");
  }
}

TEST(AdversarialExample, Runs) {
  const ScratchFolder scratch("adversarial-example");
  const fs::path& folder = scratch.path();
  const RunConfig config = load_run_config(WEFT_SOURCE_ROOT "/configs/adversarial_digits.yaml",
                                           {"data.train_size=200", "data.test_size=50",
                                            "train.epochs=1", "run.dir=" + folder.string()})
                               .value;
  const RunReport report = Orchestrator(config, "test").train();
  EXPECT_EQ(report.failed, "");
  EXPECT_TRUE(fs::exists(folder / "checkpoints/last/adversary.safetensors"));
}

// The accuracy on test digits that were changed by one step along the sign of the input's gradient.
// Neither model was trained against this attack. source: Goodfellow et al. 2015, arXiv:1412.6572 §4
double attacked_accuracy(Orchestrator& run, double strength) {
  data::Loader loader(run.data().test, {.batch_size = 500, .workers = 0});
  const InputPipeline input(run.data().test->info(), run.data().normalization, Cpu{});
  const nn::EvalMode mode(run.model());
  double hits = 0, seen = 0;
  for (const data::Batch& batch : loader) {
    const auto prepared = input(batch);
    const Variable x = Variable::leaf(prepared.x.value().clone());
    cross_entropy(run.model()(x), prepared.target).backward();
    std::vector<float> numbers = x.value().to_vector<float>();
    const std::vector<float> gradient = x.grad().to_vector<float>();
    for (std::size_t i = 0; i < numbers.size(); ++i)
      numbers[i] +=
          static_cast<float>(strength) * static_cast<float>((gradient[i] > 0) - (gradient[i] < 0));
    const NoGrad no_grad;
    const Tensor best =
        argmax(run.model()(Variable(Tensor::copy_of(numbers, x.shape()))).value(), 1);
    const auto given = best.to_vector<i64>(), wanted = prepared.target.to_vector<i64>();
    for (std::size_t i = 0; i < given.size(); ++i) hits += given[i] == wanted[i] ? 1 : 0;
    seen += static_cast<double>(given.size());
  }
  return hits / seen;
}

TEST(AdversarialExample, SlowHoldsOutAgainstAnAttack) {
  const ScratchFolder scratch("adversarial-slow");
  const fs::path& folder = scratch.path();
  const auto accuracy = [&](const std::string& name, Keys keys) {
    keys.push_back("run.dir=" + (folder / name).string());
    const std::string path = WEFT_SOURCE_ROOT "/configs/adversarial_digits.yaml";
    Orchestrator run(load_run_config(path, keys).value, "test");
    const double plain = run.train().test->accuracy, attacked = attacked_accuracy(run, 0.25);
    std::printf("%s: test accuracy %.4f, %.4f under attack\n", name.c_str(), plain, attacked);
    return std::pair{plain, attacked};
  };
  const auto hardened = accuracy("adversarial", {}),
             plain = accuracy("standard", {"trainer=standard"});
  EXPECT_GT(hardened.second, plain.second + 0.03);
  EXPECT_GT(hardened.first, plain.first - 0.03);
}

}  // namespace
}  // namespace weft::train
