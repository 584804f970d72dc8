// SPDX-License-Identifier: Apache-2.0
// validation.subset: validations look at some held-out samples, and the last one at all.
#include <set>

#include <gtest/gtest.h>

#include "weft/core/config/config.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/train/run_files.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/run/orchestrator.h"
#include "weft/train/run/saved_run.h"

namespace weft::train {
namespace {

using namespace testing_runs;
using Json = nlohmann::json;

constexpr const char* kTiny = R"(
run: {seed: 3}
data: {type: tiny_for_subset, validation_split: 0.2}
model: {type: mlp, hidden: [12]}
optimizer: {type: sgd, lr: 1e-12}
train: {epochs: 3, batch_size: 24}
validation: {subset: 7}
)";
const bool registered = Registry<data::Dataset>::add<NoOptions>(
    "tiny_for_subset", [](const NoOptions&) { return testing_models::tiny_splits(125); });

class SubsetRuns : public InScratchFolder {
 protected:
  SubsetRuns() : InScratchFolder("subset") {}
  RunConfig config(const std::string& name, std::vector<std::string> keys) const {
    keys.push_back("run.dir=" + dir(name).string());
    return config::load_text<RunConfig>(kTiny, "test.yaml", keys).value;
  }
  RunReport train(const std::string& name, const std::vector<std::string>& keys = {}) const {
    Orchestrator run(config(name, keys), "test");
    return run.train();
  }
  // The lines of metrics.jsonl with a validation.
  std::vector<Json> validations(const std::string& name) const {
    std::vector<Json> found;
    for (const std::string& line : events_of(dir(name)))
      if (const Json event = Json::parse(line); event.contains("validation/loss"))
        found.push_back(event);
    return found;
  }
};

TEST_F(SubsetRuns, LookAtSomeSamplesAndAtTheEndAtAll) {
  ASSERT_TRUE(registered);
  Log log;
  const RunReport report = train("run");
  EXPECT_TRUE(
      log.has("validation: 7 of the 25 held-out samples are looked at, and all of them in "
              "the last one"))
      << log.text();
  ASSERT_TRUE(report.validation.has_value());
  EXPECT_EQ(report.validation->samples, 25);
  const std::vector<Json> lines = validations("run");
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0].at("validation_samples"), 7);
  EXPECT_EQ(lines[1].at("validation_samples"), 7);
  EXPECT_FALSE(lines[2].contains("validation_samples"));
  // The weights hardly change, so the loss is that of the same samples, and then of others.
  const double first = lines[0].at("validation/loss"), second = lines[1].at("validation/loss"),
               last = lines[2].at("validation/loss");
  EXPECT_NEAR(first, second, 1e-7);
  EXPECT_GT(std::abs(first - last), 1e-4);
  const Evaluation again = SavedRun(dir("run").string(), "last", "model").evaluate("validation");
  EXPECT_EQ(again.samples, 25);
  EXPECT_NEAR(again.loss, last, 1e-6);
  EXPECT_NE(text_of(dir("run") / "metrics.csv").find(",validation_samples,"), std::string::npos);
  // All samples are no subset.
  train("whole", {"validation.subset=25"});
  train("plain", {"validation.subset=0"});
  EXPECT_EQ(events_of(dir("whole")), events_of(dir("plain")));
  EXPECT_NEAR(validations("plain")[2].at("validation/loss").get<double>(), last, 1e-12);
}

// The subset has each class's share, and another seed chooses another one.
TEST_F(SubsetRuns, AreChosenBySeedAndClass) {
  const auto chosen = [&](const char* seed) {
    const Orchestrator run(config("run", {std::string("run.seed=") + seed, "validation.subset=9"}),
                           "test");
    std::vector<i64> of_class(3, 0);
    for (const i64 index : run.data().validation_subset) {
      i64 label = 0;
      run.data().validation->read_target(index, &label);
      ++of_class[static_cast<std::size_t>(label)];
    }
    EXPECT_EQ(of_class, (std::vector<i64>{3, 3, 3}));
    return run.data().validation_subset;
  };
  EXPECT_EQ(chosen("3"), chosen("3"));
  EXPECT_NE(chosen("3"), chosen("4"));
}

TEST_F(SubsetRuns, ValidateInFullWhereACallbackEndsTheRun) {
  const RunReport report =
      train("run", {"train.epochs=9", "checkpoint.monitor=validation/loss",
                    "callbacks=[{type: early_stopping, patience: 2, min_delta: 1}]"});
  EXPECT_FALSE(report.ended_early.empty());
  EXPECT_LT(report.epochs, 9);
  EXPECT_EQ(report.validation->samples, 25);
  const std::vector<Json> lines = validations("run");
  ASSERT_EQ(static_cast<i64>(lines.size()), report.epochs + 1);
  EXPECT_EQ(lines[lines.size() - 2].at("validation_samples"), 7);
  EXPECT_EQ(lines.back().at("event"), "validation");
  EXPECT_FALSE(lines.back().contains("validation_samples"));
  EXPECT_EQ(lines.back().at("validation/loss"), report.validation->loss);
  const CheckpointReader checkpoint(dir("run") / "checkpoints/last");
  EXPECT_EQ(checkpoint.about().metrics.at("validation/loss"), report.validation->loss);
}

TEST_F(SubsetRuns, ValidateInFullAtTheLastStep) {
  const RunReport report = train("run", {"validation.every=3ba", "train.epochs=3"});
  EXPECT_EQ(report.steps, 15);
  EXPECT_EQ(report.validation->samples, 25);
  std::vector<std::pair<i64, i64>> seen;  // steps and samples; 0: all
  for (const Json& line : validations("run"))
    if (line.at("event") == "validation")
      seen.emplace_back(line.at("step"), line.value("validation_samples", 0));
  const std::vector<std::pair<i64, i64>> wanted{{3, 7},  {5, 7},  {6, 7},  {9, 7},
                                                {10, 7}, {12, 7}, {15, 7}, {15, 0}};
  EXPECT_EQ(seen, wanted);
}

TEST_F(SubsetRuns, RefuseMoreSamplesThanAreHeldOut) {
  const auto refusal = [&](const std::vector<std::string>& keys) {
    return test_support::message_of([&] { Orchestrator(config("run", keys), "test"); });
  };
  EXPECT_EQ(refusal({"validation.subset=26"}),
            "validation.subset: 26 given for 25 held-out samples; at most as many as "
            "data.validation_split holds out");
  EXPECT_NE(refusal({"data.validation_split=0"}).find("7 given for 0 held-out samples"),
            std::string::npos);
  EXPECT_FALSE(fs::exists(dir("run")));
}

}  // namespace
}  // namespace weft::train
