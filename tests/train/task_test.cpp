// SPDX-License-Identifier: Apache-2.0
// `task:` sets loss and metrics that are not given, and the resolved config names it as their
// origin.
#include <gtest/gtest.h>

#include "weft/tests/train/config_typos.h"
#include "weft/data/tensor_dataset.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/core/config/config.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/run_config_file.h"

namespace weft::train {
namespace {

const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_task", [](const NoOptions&) { return testing_models::tiny_splits(50); });

const bool registered_numbers =
    Registry<data::Dataset>::add<NoOptions>("numbers_for_task", [](const NoOptions&) {
      Tensor x = Tensor::empty({20, 3}), y = Tensor::empty({20, 1});
      for (i64 i = 0; i < 60; ++i) x.data<float>()[i] = static_cast<float>(i % 7);
      for (i64 i = 0; i < 20; ++i) y.data<float>()[i] = static_cast<float>(i % 3);
      data::DatasetInfo info;
      info.name = "numbers";
      return data::TrainAndTest{std::make_shared<data::TensorDataset>(info, x, y), nullptr};
    });

constexpr const char* kRest = R"(data: {type: tiny_for_task}
model: mlp
)";

config::Loaded<RunConfig> loaded(const std::string& yaml,
                                 const std::vector<std::string>& overrides = {}) {
  return config::load_text<RunConfig>(kRest + yaml, "a.yaml", overrides);
}
std::string refusal_of_task(const std::string& yaml) {
  try {
    config::load_text<RunConfig>(yaml, "a.yaml");
  } catch (const config::ConfigError& error) {
    return error.what();
  }
  return "accepted";
}

TEST(Task, PicksLossAndMetrics) {
  const RunConfig config = loaded("task: regression\n").value;
  EXPECT_EQ(config.objective.loss.name(), "regression");
  EXPECT_EQ(config.validation.metrics, std::vector<std::string>{"mae"});
  for (const std::string& name : Registry<Loss>::instance().names())
    EXPECT_EQ(loaded("task: " + name).value.objective.loss.name(), name);
  EXPECT_EQ(loaded("").value.objective.loss.name(), "classification");
  EXPECT_EQ(loaded("task: null").value.objective.loss.name(), "classification");
  EXPECT_TRUE(loaded("").value.validation.metrics.empty());
}

class TaskOfData : public testing_runs::InScratchFolder {
 protected:
  TaskOfData() : InScratchFolder("task-of-data") {}
  RunConfig config(const std::string& data, const std::string& rest = "",
                   std::vector<std::string> keys = {}) const {
    testing_runs::write(
        folder_ / "a.yaml",
        "data: {type: " + data + "}\nmodel: mlp\ntrain: {epochs: 1, batch_size: 5}\n" + rest);
    keys.push_back("run.dir=" + dir(data).string());
    return load_run_config((folder_ / "a.yaml").string(), keys).value;
  }
};

TEST_F(TaskOfData, IsTakenWhereNoneIsGiven) {
  for (const auto& [data, loss] : {std::pair("tiny_for_task", "classification"),
                                   std::pair("numbers_for_task", "regression")}) {
    Orchestrator run(config(data), "test");
    EXPECT_EQ(run.config().objective.loss.name(), loss);
    run.train();
    Orchestrator again(config(data, "", {"resume=auto", "train.epochs=2"}), "test");
    EXPECT_EQ(again.train().epochs, 2);
    // The run's own config names the loss.
    const RunConfig saved = load_run_config((dir(data) / "config.yaml").string(), {}).value;
    EXPECT_EQ(saved.objective.loss.name(), loss);
    EXPECT_FALSE(saved.objective.by_data);
  }
  for (const char* given : {"loss: classification\n", "task: classification\n"})
    EXPECT_THROW(Orchestrator(config("numbers_for_task", given), "test"), UserError) << given;
  EXPECT_EQ(config("tiny_for_task", "loss: {label_smoothing: 0.1}\n").objective.by_data, false);
}

TEST(Task, PicksOnlyWhatIsNotGiven) {
  // Options of the loss are those of the task's loss.
  const RunConfig l1 = loaded("task: regression\nloss: {distance: l1}\n").value;
  EXPECT_EQ(l1.objective.loss.options_if<RegressionOptions>()->distance, Distance::l1);
  // The keys may be in any order, and may belong to another task.
  const RunConfig own =
      loaded("validation: {metrics: [top_k]}\nloss: classification\ntask: regression\n").value;
  EXPECT_EQ(own.objective.loss.name(), "classification");
  EXPECT_EQ(own.validation.metrics, std::vector<std::string>{"top_k"});
  EXPECT_EQ(loaded("task: regression", {"task=classification"}).value.objective.loss.name(),
            "classification");
}

TEST(Task, IsWhereTheResolvedConfigSaysTheValuesAreFrom) {
  const std::string resolved =
      config::to_yaml(loaded("task: regression\nvalidation: {every: 2ep}\n"));
  for (const char* line :
       {"task: regression  # a.yaml:3:1\n", "loss:\n  type: regression  # a.yaml:3:1\n",
        "  every: 2ep  # a.yaml:4:14\n", "  metrics: [mae]  # a.yaml:3:1\n",
        "  distance: mse  # default\n"})
    EXPECT_NE(resolved.find(line), std::string::npos) << line << "in\n" << resolved;
  EXPECT_NE(config::to_yaml(loaded("", {"task=regression"}))
                .find("loss:\n  type: regression  # command line\n"),
            std::string::npos);
  const std::string own =
      config::to_yaml(loaded("task: regression\nloss: {type: classification}\n"));
  EXPECT_NE(own.find("loss:\n  type: classification  # a.yaml:4:8\n"), std::string::npos) << own;
  // The printed config reads back equal; values that were set by the task are then given.
  const std::string plain = config::to_yaml(loaded("task: regression\n").value);
  EXPECT_EQ(config::to_yaml(config::load_text<RunConfig>(plain, "b.yaml").value), plain);
}

TEST(Task, IsReportedLikeAnyOtherChoice) {
  EXPECT_EQ(
      refusal_of_task(std::string(kRest) + "task: regresion\n"),
      fmt::format("a.yaml:3:1: task: expected one of {} or null, got 'regresion'; did you mean "
                  "'regression'?",
                  listed(Registry<Loss>::instance().names())));
  // These are keys of a loss that the task did not choose.
  EXPECT_NE(refusal_of_task(std::string(kRest) + "task: regression\nloss: {label_smoothing: 0.1}\n")
                .find("a key of loss 'regression'"),
            std::string::npos);
  const auto count = config::typos::check_every_typo(
      std::string(kRest) + "task: regression\nvalidation: {every: 2ep}\n", "a.yaml",
      refusal_of_task);
  EXPECT_EQ(count.keys, 6);
  EXPECT_GE(count.right, count.typos * 95 / 100) << count.right << " of " << count.typos;
}

// A metric that does not fit the data is reported at the first batch, not after an epoch.
TEST(Task, OfAnotherKindThanTheDataIsRefusedBeforeTraining) {
  ASSERT_TRUE(registered);
  const auto set_up = [](const std::string& yaml) { Orchestrator(loaded(yaml).value, "test"); };
  EXPECT_NO_THROW(set_up("task: classification\ntrain: {batch_size: 10}\n"));
  EXPECT_THROW(set_up("task: regression\ntrain: {batch_size: 10}\n"), UserError);
}

TEST(Task, AMetricOfAnotherKindIsRefusedByName) {
  const auto refusal = [](const std::string& yaml) -> std::string {
    try {
      Orchestrator(loaded(yaml + "train: {batch_size: 10}\n").value, "test");
    } catch (const UserError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_EQ(refusal("validation: {metrics: [accuracy, mae]}\n"),
            "metric 'mae': the targets of tiny are class labels; values are required");
  EXPECT_EQ(refusal("validation: {metrics: [accuracy, f1_macro, confusion_matrix]}\n"), "accepted");
}

TEST(Task, HasBothSpellingsOfALanguageModel) {
  EXPECT_EQ(loaded("task: language_modeling\n").value.validation.metrics,
            std::vector<std::string>{"perplexity"});
}

}  // namespace
}  // namespace weft::train
