// SPDX-License-Identifier: Apache-2.0
// Two models under one trainer: the formula of the loss, the teacher's bytes, checkpoints,
// resuming, refused configs.
#include <cmath>

#include <gtest/gtest.h>

#include "weft/autograd/ops.h"
#include "weft/nn/serialize.h"
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
    "tiny_for_distillation", [](const NoOptions&) { return testing_models::tiny_splits(100); });

constexpr const char* kDistillation = R"(
run: {seed: 3}
data: {type: tiny_for_distillation, validation_split: 0.2}
model: {type: mlp, hidden: [6]}
optimizer: {type: adamw, lr: 3e-3}
train: {epochs: 3, batch_size: 16}
checkpoint: {every: 2ba}
)";

// A fixture with a teacher that was trained on inputs with another normalisation.
class Distilling : public InScratchFolder {
 protected:
  Distilling() : InScratchFolder("distillation") {}
  void SetUp() override {
    Orchestrator run(config("teacher", {"model={type: cnn, channels: [2], hidden: 5, dropout: 0.3}",
                                        "data.normalize=none", "optimizer.lr=0.02"}),
                     "test");
    run.train();
  }

  std::string teacher() const { return dir("teacher/checkpoints/last/model.safetensors").string(); }
  RunConfig config(const std::string& name, Keys keys) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kDistillation, "test.yaml", keys).value;
  }
  RunConfig student(const std::string& name, Keys keys = {}) const {
    keys.insert(keys.begin(), "trainer={type: distillation, teacher: " + teacher() +
                                  ", temperature: 3, weight: 0.6}");
    return config(name, keys);
  }
  std::string refusal(const RunConfig& config) const {
    try {
      Orchestrator run(config, "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  }
};

std::vector<double> softmax_of(const std::vector<double>& logits, double temperature) {
  std::vector<double> p;
  double sum = 0;
  for (const double x : logits) sum += p.emplace_back(std::exp(x / temperature));
  for (double& x : p) x /= sum;
  return p;
}

TEST_F(Distilling, LossIsTheFormula) {
  Orchestrator run(student("run"), "test");
  data::Loader loader(run.data().train, {.batch_size = 10, .workers = 0});
  loader.start_epoch();
  const data::Batch batch = *loader.next();
  const auto rows_of = [](const Tensor& outputs) {
    std::vector<std::vector<double>> rows;
    for (i64 r = 0; r < outputs.size(0); ++r)
      rows.push_back(outputs.slice(r, r + 1).to(DType::f64).to_vector<double>());
    return rows;
  };
  // Predictor uses the normalisation of the file.
  const auto wanted = rows_of(Predictor::open(teacher()).predict(batch.x));
  const InputPipeline input(run.data().train->info(), run.data().normalization, Cpu{});
  std::vector<std::vector<double>> given;
  {
    const NoGrad no_grad;
    given = rows_of(run.model()(input(batch).x).value());
  }
  const std::vector<i64> labels = batch.y.to_vector<i64>();
  double expected = 0;
  for (std::size_t r = 0; r < given.size(); ++r) {
    expected -= 0.4 * std::log(softmax_of(given[r], 1)[static_cast<std::size_t>(labels[r])]) / 10;
    const auto p = softmax_of(wanted[r], 3), q = softmax_of(given[r], 3);
    for (std::size_t c = 0; c < p.size(); ++c)
      expected += 0.6 * 9 * p[c] * std::log(p[c] / q[c]) / 10;
  }
  EXPECT_NEAR(testing_models::one_step(run.trainer(), loader), expected, 1e-5);
}

TEST_F(Distilling, TeacherKeepsItsBytesAndLiesInEachCheckpointAsItWas) {
  Orchestrator run(student("run", {"optimizer.weight_decay=0.1"}), "test");
  const auto models = run.trainer().models();
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].name, "model");
  EXPECT_EQ(models[1].name, "teacher");
  EXPECT_TRUE(testing_models::trainable(*models[1].module).empty());
  const auto before = bytes_of_model(*models[1].module), student = bytes_of_model(run.model());
  run.train();
  EXPECT_EQ(bytes_of_model(*models[1].module), before);
  for (const auto& [name, bytes] : bytes_of_model(run.model()))
    EXPECT_NE(bytes, student.at(name)) << name;
  for (const nn::NamedParameter& p : models[1].module->named_parameters())
    EXPECT_FALSE(p.variable.grad().defined()) << p.name;
  EXPECT_EQ(read_safetensors_metadata(dir("run/checkpoints/last/teacher.safetensors").string()),
            read_safetensors_metadata(teacher()));
  nn::AnyModule saved = run.config().model.recipe.make(nn::ModelInput{Shape{4, 4, 1}, 3});
  load(*saved, dir("run/checkpoints/last/model.safetensors").string());
  EXPECT_EQ(bytes_of_model(*saved), bytes_of_model(run.model()));
  EXPECT_NO_THROW(Predictor::open(dir("run/checkpoints/last/teacher.safetensors").string()));
}

// With weight 1 the student learns from the teacher alone, so labels have no effect.
TEST_F(Distilling, StudentComesToAgreeWithTheTeacher) {
  const auto disagreement = [&](const std::string& name, const Keys& keys) {
    Orchestrator run(student(name, keys), "test");
    run.train();
    data::Loader loader(run.data().train, {.batch_size = 80, .workers = 0});
    loader.start_epoch();
    const data::Batch batch = *loader.next();
    const NoGrad no_grad;
    const InputPipeline input(run.data().train->info(), run.data().normalization, Cpu{});
    const Tensor p = softmax(Predictor::open(teacher()).predict(batch.x));
    const Tensor q = softmax(run.model()(input(batch).x).value());
    double distance = 0;
    const auto a = p.to_vector<float>(), b = q.to_vector<float>();
    for (std::size_t i = 0; i < a.size(); ++i) distance += std::abs(a[i] - b[i]) / 80;
    return distance;
  };
  const Keys longer{"train.epochs=40", "optimizer.lr=0.01", "trainer.temperature=1"};
  Keys alone = longer, imitating = longer;
  alone.emplace_back("trainer.weight=0");
  imitating.emplace_back("trainer.weight=1");
  EXPECT_LT(disagreement("imitating", imitating), 0.5 * disagreement("alone", alone));
}

TEST_F(Distilling, ResumesToTheBitWithoutTheFileOfTheTeacher) {
  const Keys keys{"callbacks=[rollback]"};
  Orchestrator(student("whole", keys), "test").train();
  ASSERT_TRUE(stopped_at(student("broken", keys), 7));
  RunConfig again = student("broken", {"callbacks=[rollback]", "resume=auto"});
  DistillationOptions moved = *again.trainer.options_if<DistillationOptions>();
  moved.teacher = "no/longer/there.safetensors";
  again.trainer = distillation(moved);
  Orchestrator(again, "test").train();
  EXPECT_EQ(outcome_of(dir("broken")), outcome_of(dir("whole")));
  EXPECT_EQ(sha256_of_file(dir("broken/checkpoints/last/teacher.safetensors").string()),
            sha256_of_file(dir("whole/checkpoints/last/teacher.safetensors").string()));
}

TEST_F(Distilling, WhatDoesNotFitIsRefusedBeforeAnythingIsWritten) {
  EXPECT_NE(refusal(student("run", {"loss={type: classification, class_weights: [1, 2, 3]}"}))
                .find("classification without class_weights and ignore_index is required"),
            std::string::npos);
  const std::string other =
      refusal(student("run", {"data={type: digits, train_size: 50, test_size: 10}"}));
  EXPECT_NE(
      other.find("takes uint8 (4, 4, 1) and gives 3 numbers; uint8 (28, 28, 1) and 10 of digits"),
      std::string::npos)
      << other;
  EXPECT_NE(
      refusal(config("run", {"trainer={type: distillation, teacher: nowhere}"})).find("nowhere"),
      std::string::npos);
  EXPECT_THROW(config("run", {"trainer=distillation"}), UserError);  // without a teacher
  EXPECT_THROW(config("run", {"trainer=distilation"}), UserError);
  EXPECT_FALSE(fs::exists(dir("run")));
}

TEST(DistillExample, FindsItsTeacherBesideTheConfigAndRuns) {
  const ScratchFolder scratch("distill-example");
  const fs::path& folder = scratch.path();
  const RunConfig config = load_run_config(WEFT_SOURCE_ROOT "/configs/distill_digits.yaml",
                                           {"data.train_size=200", "data.test_size=50",
                                            "train.epochs=1", "run.dir=" + folder.string()})
                               .value;
  const std::string teacher = config.trainer.options_if<DistillationOptions>()->teacher;
  EXPECT_EQ(fs::path(teacher),
            fs::path(WEFT_SOURCE_ROOT "/configs/backbones/digits_teacher.safetensors"));
  EXPECT_LT(fs::file_size(teacher), 500'000u);
  const RunReport report = Orchestrator(config, "test").train();
  EXPECT_EQ(report.failed, "");
  EXPECT_TRUE(fs::exists(folder / "checkpoints/last/teacher.safetensors"));
}

TEST(DistillExample, SlowBeatsTheLabelsAlone) {
  const ScratchFolder scratch("distill-slow");
  const fs::path& folder = scratch.path();
  const auto accuracy = [&](const std::string& name, Keys keys) {
    keys.push_back("run.dir=" + (folder / name).string());
    const std::string path = WEFT_SOURCE_ROOT "/configs/distill_digits.yaml";
    return Orchestrator(load_run_config(path, keys).value, "test").train().test->accuracy;
  };
  const double taught = accuracy("taught", {}), alone = accuracy("alone", {"trainer=standard"});
  std::printf("test accuracy: with the teacher %.4f, with the labels alone %.4f\n", taught, alone);
  EXPECT_GT(taught, alone + 0.02);
}

}  // namespace
}  // namespace weft::train
