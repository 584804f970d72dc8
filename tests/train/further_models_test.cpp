// SPDX-License-Identifier: Apache-2.0
// `models` and `optimizers` of a config, which a trainer takes by name.
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/core/config/config.h"
#include "weft/device/out_of_memory.h"
#include "weft/nn/safetensors.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/tests/train/stopped_run.h"
#include "weft/train/evaluation/predictor.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using testing_models::bytes_of_model;
using Keys = std::vector<std::string>;

// The same training as the trainer `adversarial`, with all models of the config.
struct Opponents : Trainer {
  explicit Opponents(const TrainerContext& c) : Trainer(c), adversary(add_model("adversary", c)) {}
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable raw = adversary(x);
    const Variable change = 0.4 * tanh(Variable(add(raw.value(), raw.value())) - raw);
    const Variable plain = loss().forward(model()(x), target);
    const Variable changed = loss().forward(model()(x + reshape(change, x.shape())), target);
    return 0.5 * plain + 0.5 * changed;
  }
  nn::Module& adversary;
};
const bool has_opponents = Registry<Trainer>::add<Opponents>("opponents");

// Imitates a frozen model of the config, and has a trained one with an input of its own.
struct Guided : Trainer {
  explicit Guided(const TrainerContext& c)
      : Trainer(c), guide(add_model("guide", c)), code(add_model("code", c)) {}
  Variable compute_loss(const Variable& x, const Tensor& target) override {
    const Variable output = model()(x);
    const Variable bias = code(Variable(Tensor::full({1, 2}, 1.0)));
    return loss().forward(output + bias, target) + mse(output, guide(x).value());
  }
  nn::Module &guide, &code;
};
const bool has_guided = Registry<Trainer>::add<Guided>("guided");

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_further", [](const NoOptions&) { return testing_models::tiny_splits(125); });

constexpr const char* kFurther = R"(
run: {seed: 3}
data: {type: tiny_for_further, validation_split: 0.2}
model: {type: mlp, hidden: [12]}
optimizer: {type: sgd, lr: 0.05, momentum: 0.9}
scheduler: {type: cosine, warmup: 1ep}
train: {epochs: 3, batch_size: 24}
checkpoint: {every: 2ba, keep_last: 2}
)";
const Keys kOpponents{
    "trainer=opponents", "+models={adversary: {type: mlp, hidden: [5], outputs: 16}}",
    "+optimizers={adversary: {type: adamw, lr: 3e-3, scheduler: {type: step, every: 4ba, gamma: "
    "0.5}}}"};
const Keys kGuided{
    "trainer=guided",
    "+models={guide: {type: cnn, channels: [2], hidden: 5, dropout: 0.5}, code: {type: mlp, "
    "hidden: [3], input: [2]}}",
    "+optimizers={code: {type: sgd, lr: 0.1}}"};

Keys and_more(Keys keys, const Keys& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

class FurtherModelsOfARun : public InScratchFolder {
 protected:
  FurtherModelsOfARun() : InScratchFolder("further_models") {}
  RunConfig config(const std::string& name, Keys keys) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kFurther, "test.yaml", keys).value;
  }
  auto outcome(const std::string& name) const {
    auto all = outcome_of(dir(name));
    for (const char* file : {"adversary.safetensors", "guide.safetensors", "code.safetensors"})
      if (fs::exists(dir(name) / "checkpoints/last" / file))
        all[file] = {sha256_of_file((dir(name) / "checkpoints/last" / file).string())};
    return all;
  }
  std::string refusal(const Keys& keys) const {
    try {
      Orchestrator run(config("refused", keys), "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
};
#define EXPECT_REFUSED_FOR(keys, part) \
  EXPECT_NE(refusal(keys).find(part), std::string::npos) << refusal(keys)

TEST_F(FurtherModelsOfARun, TrainAsThoseThatATrainerBuildsItself) {
  Orchestrator(
      config("own", {"trainer={type: adversarial, strength: 0.4, adversary: {model: {type: "
                     "mlp, hidden: [5]}, optimizer: {type: adamw, lr: 3e-3}, scheduler: "
                     "{type: step, every: 4ba, gamma: 0.5}}}"}),
      "test")
      .train();
  Orchestrator(config("taken", kOpponents), "test").train();
  EXPECT_EQ(outcome("taken"), outcome("own"));
  EXPECT_EQ(outcome("taken").count("adversary.safetensors"), 1u);
}

TEST_F(FurtherModelsOfARun, ResumeToTheBit) {
  for (const Keys& keys : {kOpponents, kGuided}) {
    fs::remove_all(dir("whole"));
    Orchestrator(config("whole", keys), "test").train();
    const auto expected = outcome("whole");
    for (const i64 batch : {2, 5, 11}) {
      fs::remove_all(dir("broken"));
      ASSERT_TRUE(stopped_at(config("broken", keys), batch));
      Orchestrator(config("broken", and_more(keys, {"resume=auto"})), "test").train();
      EXPECT_EQ(outcome("broken"), expected) << batch;
    }
  }
}

TEST_F(FurtherModelsOfARun, WithoutAnOptimizerAreFrozen) {
  Orchestrator run(config("run", kGuided), "test");
  const auto models = run.trainer().models();
  ASSERT_EQ(models.size(), 3u);
  EXPECT_EQ(models[1].name, "code");
  EXPECT_EQ(models[2].name, "guide");
  EXPECT_TRUE(testing_models::trainable(*models[2].module).empty());
  EXPECT_FALSE(models[2].module->training());
  const auto guide = bytes_of_model(*models[2].module), code = bytes_of_model(*models[1].module);
  run.train();
  EXPECT_EQ(bytes_of_model(*models[2].module), guide);
  EXPECT_NE(bytes_of_model(*models[1].module), code);
  ASSERT_EQ(run.trainer().optimizers().all().size(), 2u);
  EXPECT_EQ(run.trainer().optimizers().all()[1].name, "optimizers.code");
  const auto checkpoint = dir("run/checkpoints/last");
  EXPECT_EQ(Predictor::open((checkpoint / "guide.safetensors").string()).metadata().input.sample,
            (Shape{4, 4, 1}));
  EXPECT_EQ(Predictor::open((checkpoint / "code.safetensors").string()).metadata().input.sample,
            (Shape{2}));
}

TEST_F(FurtherModelsOfARun, BeginWithPretrainedWeightsBesideTheConfig) {
  Orchestrator(config("teacher", {"model={type: cnn, channels: [2], hidden: 5}"}), "test").train();
  fs::copy_file(dir("teacher/checkpoints/last/model.safetensors"), dir("teacher.safetensors"));
  write(dir("a.yaml"), std::string(kFurther) +
                           "trainer: guided\n"
                           "models:\n"
                           "  guide: {type: cnn, channels: [2], hidden: 5, pretrained: {path: "
                           "teacher.safetensors}}\n"
                           "  code: {type: mlp, hidden: [3], input: [2]}\n");
  const Keys place{"run.dir=" + dir("run").string()};
  const RunConfig given = load_run_config(dir("a.yaml").string(), place).value;
  EXPECT_EQ(given.train.models.at("guide").common.pretrained->path,
            dir("teacher.safetensors").string());
  Orchestrator(given, "a").train();
  EXPECT_EQ(read_safetensors(dir("run/checkpoints/last/guide.safetensors").string()).size(),
            read_safetensors(dir("teacher.safetensors").string()).size());
  EXPECT_EQ(
      bytes_of_model(*Orchestrator(given, "a").trainer().models()[2].module),
      bytes_of_model(Orchestrator(config("more", {"model={type: cnn, channels: [2], hidden: "
                                                  "5, pretrained: {path: " +
                                                  dir("teacher.safetensors").string() + "}}"}),
                                  "a")
                         .model()));
  // A resumed run needs the file no more, and it may be elsewhere.
  fs::remove(dir("teacher.safetensors"));
  RunConfig again = given;
  again.resume.from = "auto";
  again.train.epochs = 4;
  again.train.models.at("guide").common.pretrained->path = "/nowhere.safetensors";
  EXPECT_EQ(Orchestrator(again, "a").train().epochs, 4);
}

TEST_F(FurtherModelsOfARun, ArePrintedAndReadBack) {
  const RunConfig given = config("run", kOpponents);
  const std::string yaml = config::to_yaml(given);
  EXPECT_NE(yaml.find("models:\n  adversary:\n    type: mlp\n    hidden: [5]\n"), std::string::npos)
      << yaml;
  const RunConfig back = config::load_text<RunConfig>(yaml, "back.yaml").value;
  EXPECT_TRUE(config::differences(given, back).empty());
  const auto origins = config::load_text<RunConfig>(kFurther, "test.yaml", kOpponents).origins;
  EXPECT_TRUE(origins.contains("models.adversary.outputs"));
  RunConfig other = given;
  other.train.models.at("adversary").common.outputs = 8;
  ASSERT_EQ(config::differences(given, other).size(), 1u);
  EXPECT_EQ(config::differences(given, other)[0].path, "models.adversary.outputs");
  const std::string plain = config::to_yaml(config("run", {}));
  EXPECT_EQ(plain.find("\nmodels:"), std::string::npos) << plain;
  EXPECT_EQ(plain.find("\noptimizers:"), std::string::npos) << plain;
  const std::string schema = config::schema<RunConfig>();
  const std::size_t at = schema.find("\nmodels:");
  ASSERT_NE(at, std::string::npos);
  EXPECT_NE(schema.find("#   outputs: 0", at), std::string::npos);
  EXPECT_NE(schema.find("#   scheduler: null", schema.find("\noptimizers:")), std::string::npos);
}

TEST_F(FurtherModelsOfARun, WhatDoesNotFitIsRefused) {
  EXPECT_REFUSED_FOR(Keys{"trainer=opponents"},
                     "models.adversary: it is not given; the trainer requires a model");
  EXPECT_REFUSED_FOR(Keys{"+models={guide: mlp}"},
                     "models.guide: trainer 'standard' takes no model of this name");
  EXPECT_REFUSED_FOR(and_more(kOpponents, {"+models.more=mlp"}),
                     "models.more: trainer 'opponents'");
  EXPECT_REFUSED_FOR(Keys{"+optimizers={guide: sgd}"},
                     "optimizers: expected names of models (none is given); 'guide' is given");
  EXPECT_REFUSED_FOR(and_more(kOpponents, {"+optimizers.advresary=sgd"}),
                     "optimizers: expected names of models (adversary); 'advresary' is given");
  const std::string rule = "models: expected names of a-z, 0-9 and _, at most 64 of them; ";
  EXPECT_REFUSED_FOR(Keys{"+models={../up: mlp}"}, rule + "'../up' is given");
  EXPECT_REFUSED_FOR(Keys{"+models={\"a.b\": mlp}"}, rule + "'a.b' is given");
  EXPECT_REFUSED_FOR((Keys{"+models={" + std::string(65, 'a') + ": mlp}"}), rule + "'aaa");
  EXPECT_REFUSED_FOR(Keys{"+models={guide: {hidden: [3]}}"}, "models.guide");
  EXPECT_REFUSED_FOR(Keys{"+models={guide: {type: mlp, hiden: [3]}}"}, "did you mean 'hidden'?");
  EXPECT_REFUSED_FOR(Keys{"+models=[mlp]"}, "models: expected a section");
  EXPECT_REFUSED_FOR(and_more(kOpponents, {"optimizers.adversary.lr=-1"}),
                     "optimizers.adversary.lr: expected");
  EXPECT_REFUSED_FOR(
      and_more(kOpponents, {"optimizers.adversary.scheduler={type: plateau, monitor: "
                            "validation/los}"}),
      "optimizers.adversary: monitor: 'validation/los' is not measured");
  EXPECT_FALSE(fs::exists(dir("refused")));
}

TEST_F(FurtherModelsOfARun, ThatCannotBeMadeAreNamed) {
  EXPECT_REFUSED_FOR((Keys{"+models={twin: {type: mlp, input: [1, 2, 3, 4, 5, 6, 7]}}"}),
                     "models.twin: shape: 7 axes given; at most 6");
  const std::string huge = "1000000000";
  EXPECT_REFUSED_FOR(
      (Keys{"+models={twin: {type: mlp, input: [" + huge + ", " + huge + ", " + huge + "]}}"}),
      "models.twin: ");
  try {
    refusal(Keys{"+models={twin: {type: mlp, input: [" + huge + "], hidden: [1000000]}}"});
    ADD_FAILURE() << "accepted";
  } catch (const OutOfMemory& error) {
    EXPECT_EQ(std::string(error.what()).find("models.twin: allocate: "), 0u) << error.what();
  }
  EXPECT_FALSE(fs::exists(dir("refused")));
}

TEST_F(FurtherModelsOfARun, OfTheWrongSizeAreNamed) {
  const auto refused = [&](const std::string& code) -> std::string {
    try {
      Orchestrator(config("wrong", and_more(kGuided, {"models.code=" + code})), "test").train();
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  const std::string of_a_layer = refused("{type: mlp, hidden: [3], input: [5]}");
  EXPECT_EQ(of_a_layer.find("layer models.code."), 0u) << of_a_layer;
  EXPECT_NE(of_a_layer.find(": linear: "), std::string::npos) << of_a_layer;
}

TEST_F(FurtherModelsOfARun, ChangeOnAResumeAsOtherKeysDo) {
  Orchestrator(config("run", kOpponents), "test").train();
  const auto refused = [&](const Keys& more) -> std::string {
    try {
      Orchestrator run(config("run", and_more(and_more(kOpponents, {"resume=auto"}), more)),
                       "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(refused({"optimizers.adversary.lr=1e-3"}).find("optimizers.adversary.lr: 0.003"),
            std::string::npos);
  EXPECT_NE(refused({"models.adversary.hidden=[6]"}).find("models.adversary.hidden"),
            std::string::npos);
  EXPECT_EQ(refused({"train.epochs=4"}), "accepted");
}

struct TakesItsNames : Trainer {
  TakesItsNames(nn::Module& model, const std::string& name) : Trainer(model, classification(), {}) {
    for (int i = 0; i < 2; ++i) add_model(name, {testing_models::tiny_mlp()});
  }
};
struct AsksTwice : Trainer {
  explicit AsksTwice(const TrainerContext& c) : Trainer(c) {
    add_model("twin", c);
    add_model("twin", c);
  }
};
const bool has_asks_twice = Registry<Trainer>::add<AsksTwice>("asks_twice");
TEST_F(FurtherModelsOfARun, AreTakenOnce) {
  EXPECT_REFUSED_FOR((Keys{"trainer=asks_twice", "+models={twin: mlp}"}),
                     "add_model: 'twin' is asked for twice; a model of a trainer is taken once");
}

TEST(FurtherModelsOfATrainer, HaveNamesOfTheirOwn) {
  nn::AnyModule model = testing_models::tiny_mlp();
  for (const char* name : {"model", "loss", "optimizer", "ema", "twice", "../up", ""})
    EXPECT_THROW(TakesItsNames(*model, name), UserError) << name;
}

}  // namespace
}  // namespace weft::train
