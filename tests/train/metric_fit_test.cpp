// SPDX-License-Identifier: Apache-2.0
// What metrics say about themselves: which losses they fit, and which values are better.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "weft/tests/support/message_of.h"
#include "weft/tests/train/callback_run.h"
#include "weft/train/callbacks/callbacks.h"
#include "weft/train/step/metric_set.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;
using MetricsOfARun = testing_callbacks::CallbackRun;
using test_support::message_of;

const std::vector<std::string> kMetrics{
    "accuracy", "binary_accuracy", "confusion_matrix", "f1_macro", "f1_micro", "mae", "perplexity",
    "top_k"};

// Of a metric and a loss, over the data that the loss takes.
std::string refusal_of(const std::string& metric, const std::string& loss) {
  data::DatasetInfo info;
  info.name = "data";
  const bool labels = loss == "classification" || loss == "language_modelling";
  info.classes = labels ? 3 : 0;
  info.target_dtype = labels ? DType::int64 : DType::f32;
  const std::unique_ptr<Loss> made = make_loss(LossRecipe::of(loss));
  return message_of([&] { MetricSet({metric}).check_kind(info, *made); });
}

TEST(MetricFit, EachMetricFitsTheLossesWhoseTargetsAndOutputsItReads) {
  const std::set<std::string> of_labels{"accuracy", "confusion_matrix", "f1_macro",
                                        "f1_micro", "perplexity",       "top_k"};
  std::map<std::string, std::set<std::string>> fitting{
      {"classification", of_labels},
      {"language_modelling", of_labels},
      {"binary_classification", {"binary_accuracy"}},
      {"regression", {"mae"}}};
  for (const auto& [loss, fits] : fitting)
    for (const std::string& metric : kMetrics)
      EXPECT_EQ(refusal_of(metric, loss) == "no error", fits.contains(metric)) << metric << loss;
  EXPECT_EQ(refusal_of("mae", "binary_classification"),
            "metric 'mae': the outputs of the model are logits under loss 'binary_classification'; "
            "values are required");
  EXPECT_EQ(refusal_of("binary_accuracy", "regression"),
            "metric 'binary_accuracy': the outputs of the model are values under loss "
            "'regression'; logits are required");
  // Each metric of weft is in the table, and each of its losses.
  for (const char* loss : {"classification", "language_modelling"})
    EXPECT_TRUE(LossRecipe::of(loss).make()->output_kind() == OutputKind::logits);
  for (const std::string& metric : kMetrics) {
    MetricRecipe recipe;
    recipe.choose(metric);
    EXPECT_EQ(recipe.make()->better() == Metric::Better::unknown, metric == "confusion_matrix");
  }
}

TEST_F(MetricsOfARun, ThatDoNotFitAreRefusedBeforeAnythingIsWritten) {
  std::ofstream(folder_ / "a.csv")
      << "a,b,y\n1,2,0\n2,1,1\n3,5,0\n4,3,1\n5,0,1\n6,2,0\n7,1,1\n8,9,0\n";
  const auto refusal = [&](const std::string& task, const std::string& loss,
                           const std::string& key) {
    const std::string text = "data: {type: csv, path: " + (folder_ / "a.csv").string() +
                             ", target: y, task: regression, validation_split: 0.25}\n"
                             "model: {type: mlp, hidden: []}\ntask: " +
                             task + "\nloss: " + loss + "\ntrain: {epochs: 1, batch_size: 2}\n";
    const auto loaded = config::load_text<RunConfig>(
        text, "a.yaml", {key, "run.dir=" + (folder_ / "run").string()});
    return message_of([&] { Orchestrator(loaded.value, "test"); });
  };
  const std::string logits =
      "metric 'mae': the outputs of the model are logits under loss 'binary_classification'; "
      "values are required";
  for (const char* task : {"binary_classification", "regression", "null"})
    for (const char* key : {"validation.metrics=[mae]", "train.metrics=[mae]"})
      EXPECT_EQ(refusal(task, "binary_classification", key), logits) << task << key;
  for (const char* task : {"binary_classification", "regression", "null"})
    EXPECT_EQ(refusal(task, "regression", "validation.metrics=[binary_accuracy]"),
              "metric 'binary_accuracy': the outputs of the model are values under loss "
              "'regression'; logits are required");
  // The metrics of a task are those of the loss.
  EXPECT_EQ(refusal("regression", "binary_classification", "run.threads=1"), "no error");
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(MetricsOfARun, AreMonitoredInTheirOwnDirection) {
  const auto modes = [&](const std::string& monitor, const std::string& mode) {
    const Orchestrator run(
        config({"validation.metrics=[accuracy, perplexity]",
                "checkpoint={monitor: " + monitor + mode + "}",
                "scheduler={type: plateau, monitor: " + monitor + mode + "}",
                "callbacks=[{type: early_stopping, monitor: " + monitor + mode + "}]"}),
        "test");
    RunConfig resolved = run.config();
    std::map<std::string, std::string> values = config::flatten(section_ref(resolved));
    return std::vector<std::string>{values["checkpoint.mode"], values["scheduler.mode"],
                                    values["callbacks"]};
  };
  const auto all = [](const std::vector<std::string>& found, const std::string& mode) {
    return found[0] == mode && found[1] == mode &&
           found[2].find("mode: " + mode) != std::string::npos;
  };
  EXPECT_TRUE(all(modes("validation/accuracy", ""), "max"));
  EXPECT_TRUE(all(modes("validation/accuracy", ", mode: auto"), "max"));
  EXPECT_TRUE(all(modes("validation/accuracy", ", mode: min"), "min"));
  EXPECT_TRUE(all(modes("validation/perplexity", ""), "min"));
  EXPECT_TRUE(all(modes("validation/loss", ""), "min"));
  EXPECT_TRUE(all(modes("validation/loss", ", mode: max"), "max"));
  EXPECT_EQ(warnings_, std::vector<std::string>{});
}

// Of an entry of a plugin, which does not say which values are better.
struct Silent : Metric {
  void update(const Tensor&, const Tensor&) override {}
  double value() const override { return 1; }
  void reset() override {}
};
const bool registered = Registry<Metric>::add<Silent>("silent");

TEST_F(MetricsOfARun, ThatDoNotSayWhichValuesAreBetterAreWarnedOf) {
  const Orchestrator run(
      config({"validation.metrics=[silent]", "checkpoint.monitor=validation/silent"}), "test");
  EXPECT_EQ(warnings_,
            std::vector<std::string>{
                "checkpoint.monitor: 'validation/silent' does not say whether it is better low or "
                "high; lower is taken to be better, and checkpoint.mode: min, or max, says it"});
  EXPECT_TRUE(run.config().checkpoint.mode == MonitorMode::min);
}

TEST_F(MetricsOfARun, KeepTheCheckpointOfTheHighestAccuracyAsBest) {
  Orchestrator run(config({"checkpoint.monitor=validation/accuracy", "checkpoint.keep_last=9"}),
                   "test");
  run.train();
  i64 best = 0;
  double most = -1;
  for (const nlohmann::json& event : events("epoch"))
    if (event["validation/accuracy"].get<double>() > most) {
      most = event["validation/accuracy"].get<double>();
      best = event["step"].get<i64>();
    }
  EXPECT_EQ(fs::read_symlink(file("checkpoints/best")), "step-" + std::to_string(best));
}

}  // namespace
}  // namespace weft::train
