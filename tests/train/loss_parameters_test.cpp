// SPDX-License-Identifier: Apache-2.0
// A loss with parameters: they train with the model's, are saved, loaded and evaluated with.
#include <cmath>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/core/config/config.h"
#include "weft/nn/safetensors.h"
#include "weft/optim/sgd.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Keys = std::vector<std::string>;

// Cross-entropy at a temperature that is learned.
struct Tempered final : Loss {
  nn::Parameter log_scale{Tensor::full({1}, 0.5)};
  void parts(nn::Parts& p) override { p("log_scale", log_scale); }
  Variable forward(const Variable& output, const Tensor& target) const override {
    return cross_entropy(output * exp(log_scale), target);
  }
  i64 outputs(const data::DatasetInfo& info) const override { return info.classes; }
  std::vector<std::string> default_metrics() const override { return {"accuracy"}; }
};
const bool has_tempered = Registry<Loss>::add<Tempered>("tempered");
const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_losses", [](const NoOptions&) { return testing_models::tiny_splits(100); });

constexpr const char* kTempered = R"(
run: {seed: 3}
data: {type: tiny_for_losses, validation_split: 0.2}
model: {type: mlp, hidden: [6]}
loss: tempered
optimizer: {type: adamw, lr: 1e-2}
scheduler: {type: cosine, warmup: 1ep}
train: {epochs: 3, batch_size: 16}
checkpoint: {every: 2ba}
)";

class LossParameters : public InScratchFolder {
 protected:
  LossParameters() : InScratchFolder("loss_parameters") {}
  RunConfig config(const std::string& name, Keys keys = {}) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kTempered, "test.yaml", keys).value;
  }
  fs::path last(const std::string& name, const char* file) const {
    return dir(name) / "checkpoints/last" / file;
  }
  double saved_scale(const std::string& name) const {
    return read_safetensors(last(name, "loss.safetensors").string())
        .at("log_scale")
        .to_vector<float>()[0];
  }
};

TEST(LossParametersOfATrainer, StepWithTheModel) {
  nn::AnyModule model = testing_models::tiny_mlp(), same = testing_models::tiny_mlp();
  data::Loader loader(testing_models::tiny_images(12), {.batch_size = 12, .workers = 0});
  Trainer trainer(*model, LossRecipe::of("tempered"), {.optimizer = optim::sgd({.lr = 0.1})});
  ASSERT_EQ(trainer.models().size(), 2u);
  EXPECT_EQ(trainer.models()[1].name, "loss");
  EXPECT_EQ(trainer.optimizer().parameters().segments().back().name, "loss.log_scale");
  EXPECT_EQ(trainer.named_parameters().size(), same->named_parameters().size());

  Tempered by_hand;
  loader.start_epoch();
  const data::Batch batch = *loader.next();
  const InputPipeline input(loader.dataset().info(), std::nullopt, Cpu{});
  const auto [x, target] = input(batch);
  by_hand.forward((*same)(x), target).backward();
  testing_models::one_step(trainer, loader);
  const auto& trained = static_cast<const Tempered&>(*trainer.shared_loss());
  const double gradient = by_hand.log_scale.variable().grad().to_vector<float>()[0];
  EXPECT_GT(std::abs(gradient), 1e-4);
  EXPECT_NEAR(trained.log_scale.value().to_vector<float>()[0], 0.5 - 0.1 * gradient, 1e-6);
}

TEST(LossParametersOfATrainer, HaveNamesOfTheirOwn) {
  struct Inner : nn::Module {
    nn::Parameter log_scale{Tensor::full({1}, 1)};
    void parts(nn::Parts& p) override { p("log_scale", log_scale); }
  };
  struct Outer : nn::Module {
    Inner inner;
    void parts(nn::Parts& p) override { p("loss", inner); }
    Variable forward(const Variable& x) override { return x * inner.log_scale; }
  } model;
  try {
    Trainer trainer(model, LossRecipe::of("tempered"), {});
    ADD_FAILURE() << "accepted";
  } catch (const UserError& error) {
    EXPECT_NE(std::string(error.what()).find("both have a parameter 'loss.log_scale'"),
              std::string::npos)
        << error.what();
  }
}

TEST_F(LossParameters, AreInEachCheckpointAndEvaluatedWith) {
  const RunReport report = Orchestrator(config("run"), "test").train();
  EXPECT_GT(std::abs(saved_scale("run") - 0.5), 0.01);
  SavedRun saved(dir("run").string(), "last");
  EXPECT_EQ(saved.evaluate("test").loss, report.test->loss);
  EXPECT_EQ(saved.evaluate("validation").loss, report.validation->loss);
  data::Loader loader(testing_models::tiny_images(20, 2), {.batch_size = 20, .workers = 0});
  Evaluator with_initial(saved.model(), LossRecipe::of("tempered"),
                         {.normalization = saved.metadata().normalization});
  EXPECT_GT(std::abs(with_initial.evaluate(loader).loss - report.test->loss), 1e-4);
}

TEST_F(LossParameters, ThatAreMissingOrDamagedAreOneSentence) {
  Orchestrator(config("run"), "test").train();
  SavedRun saved(dir("run").string(), "last");
  const auto refusal = [&]() -> std::string {
    try {
      saved.evaluate("test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  const fs::path file = last("run", "loss.safetensors");
  std::string bytes = text_of(file);
  bytes.back() = static_cast<char>(bytes.back() ^ 1);
  write(file, bytes);
  EXPECT_NE(refusal().find("loss.safetensors"), std::string::npos) << refusal();
  fs::remove(file);
  EXPECT_NE(refusal().find("the weights of 'loss' are required in it"), std::string::npos)
      << refusal();
}

TEST_F(LossParameters, ALossWithoutAnyLeavesCheckpointsAsTheyWere) {
  Orchestrator(config("run", {"loss=classification"}), "test").train();
  EXPECT_FALSE(fs::exists(last("run", "loss.safetensors")));
}

// A run that is interrupted at any batch gives the same bits.
TEST_F(LossParameters, ResumeToTheBit) {
  for (const Keys& more : std::vector<Keys>{{},
                                            {"callbacks=[ema]", "precision=fp16"},
                                            {"optimizer={type: sgd, lr: 0.5, momentum: 0.9}",
                                             "train.clip_norm=0.5", "train.accumulate=2"}}) {
    fs::remove_all(dir("whole"));
    Orchestrator(config("whole", more), "test").train();
    auto expected = outcome_of(dir("whole"));
    const std::string scale = text_of(last("whole", "loss.safetensors"));
    for (const i64 batch : {3, 7, 12}) {
      fs::remove_all(dir("broken"));
      ASSERT_TRUE(stopped_at(config("broken", more), batch));
      Keys again = more;
      again.emplace_back("resume=auto");
      Orchestrator(config("broken", again), "test").train();
      EXPECT_EQ(outcome_of(dir("broken")), expected) << batch;
      EXPECT_EQ(text_of(last("broken", "loss.safetensors")), scale) << batch;
    }
  }
}

TEST_F(LossParameters, HaveGroupsOfTheOptimizerAndNoStrategyFreezesThem) {
  Orchestrator(config("still", {"optimizer={type: sgd, lr: 0.1, param_groups: [{match: ['loss.*'], "
                                "lr_factor: 0}]}"}),
               "test")
      .train();
  EXPECT_EQ(saved_scale("still"), 0.5);
  Orchestrator(config("head", {"strategy={type: staged_unfreeze, stages: [{at: 0ep, train: "
                               "['3.*']}]}"}),
               "test")
      .train();
  EXPECT_NE(saved_scale("head"), 0.5);
}

TEST_F(LossParameters, ThatAreNotFiniteAreNamedByNanReport) {
  struct Breaks : Callback {
    void on_epoch_begin(Trainer& trainer, i64) override {
      const nn::NamedParameters parameters = trainer.models()[1].module->named_parameters();
      parameters[0].variable.value().fill(std::nan(""));
    }
  };
  Orchestrator run(config("run", {"callbacks=[nan_report]"}), "test");
  run.add_callback(std::make_shared<Breaks>());
  Log log;
  EXPECT_NE(run.train().failed, "");
  EXPECT_TRUE(log.has("parameter loss.log_scale, before the batch: 1 of 1 numbers")) << log.text();
}

TEST_F(LossParameters, AreRolledBackWithTheModel) {
  struct Fails : Callback {
    i64 batches = 0;
    std::vector<testing_models::Bytes> after = {};
    void on_batch_begin(Trainer& trainer, const BatchInProgress&) override {
      if (++batches == 8) throw TrainingError("made up");
      if (batches == 6 || batches == 9)
        after.push_back(testing_models::bytes_of_model(*trainer.models()[1].module));
    }
  };
  Orchestrator run(config("run", {"callbacks=[rollback]", "checkpoint.every=1ep"}), "test");
  const auto fails = std::make_shared<Fails>();
  run.add_callback(fails);
  EXPECT_EQ(run.train().failed, "");
  ASSERT_EQ(fails->after.size(), 2u);
  EXPECT_EQ(fails->after[0], fails->after[1]);
}

}  // namespace
}  // namespace weft::train
