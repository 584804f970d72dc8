// SPDX-License-Identifier: Apache-2.0
// Callbacks that act when training fails, rollback and nan_report, in whole small runs.
#include <cmath>
#include <limits>
#include <map>
#include <utility>

#include "weft/tests/train/callback_run.h"
#include "weft/tests/train/small_models.h"
#include "weft/train/callbacks/callbacks.h"

namespace weft::train {
namespace {

namespace fs = std::filesystem;
using testing_models::bytes_of_model;
using CallbacksOnFailure = testing_callbacks::CallbackRun;

TEST_F(CallbacksOnFailure, RollbackGoesOnFromTheInitialWeightsAtALowerLearningRate) {
  Orchestrator run(config({"optimizer.lr=1e12", "train.epochs=2",
                           "callbacks=[{type: rollback, lr_factor: 1e-13}]"}),
                   "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.epochs, 2);
  EXPECT_EQ(events("rollback").size(), 1u);
  EXPECT_TRUE(std::isfinite(report.validation->loss));
  ASSERT_FALSE(warnings_.empty());
  EXPECT_NE(warnings_.back().find("back to the initial weights"), std::string::npos);
}

TEST_F(CallbacksOnFailure, RollbackGoesBackToTheLastCheckpoint) {
  Orchestrator run(config({"callbacks=[rollback]"}), "test");
  struct Breaks : Callback {
    testing_models::Bytes saved, after;
    bool broken = false;
    void on_checkpoint(Orchestrator& o, Snapshot&) override {
      if (!broken) saved = bytes_of_model(o.model());
    }
    void on_epoch_begin(Trainer& t, i64 epoch) override {
      if (epoch != 1) return;
      if (broken) {
        after = bytes_of_model(t.model());
        return;
      }
      for (const nn::NamedParameter& p : t.named_parameters())
        p.variable.value().fill(std::nan(""));
      broken = true;
    }
  };
  const auto breaks = std::make_shared<Breaks>();
  run.add_callback(breaks);
  EXPECT_EQ(run.train().epochs, 4);
  EXPECT_FALSE(breaks->saved.empty());
  EXPECT_TRUE(breaks->saved == breaks->after);
  EXPECT_DOUBLE_EQ(run.trainer().optimizer().lr(), 0.025);
}

// Weights that are NaN would stay in the average for the rest of the run.
TEST_F(CallbacksOnFailure, TheAverageBeginsAgainAfterARollback) {
  Orchestrator run(config({"optimizer.lr=1e12", "train.epochs=2",
                           "callbacks=[ema, {type: rollback, lr_factor: 1e-13}]"}),
                   "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.epochs, 2);
  EXPECT_EQ(events("rollback").size(), 1u);
  ASSERT_TRUE(report.validation.has_value());
  EXPECT_LT(report.validation->loss, 10);
}

TEST_F(CallbacksOnFailure, RollbackBringsTheMomentumOfTheCheckpointBack) {
  Orchestrator run(config({"callbacks=[rollback]", "optimizer.momentum=0.9", "train.epochs=3"}),
                   "test");
  struct Breaks : Callback {
    using Slots = std::map<std::string, std::vector<float>>;
    Slots saved, broken, after;
    i64 steps = 0, steps_after = 0;
    static Slots slots(Trainer& t) {
      Slots all;
      for (const auto& [name, state] : t.optimizer().state().parameters)
        all[name] = state.slots.at(0).to_vector<float>();
      return all;
    }
    void on_checkpoint(Orchestrator& o, Snapshot&) override {
      if (saved.empty()) saved = slots(o.trainer());
    }
    void on_epoch_begin(Trainer& t, i64 epoch) override {
      if (epoch != 1 || !after.empty()) return;
      if (broken.empty()) return;
      after = slots(t);
      steps_after = t.optimizer().applied_steps();
    }
    void on_batch_begin(Trainer& t, const BatchInProgress& batch) override {
      if (batch.epoch != 2 || batch.batch_idx != 3 || !broken.empty()) return;
      broken = slots(t);
      steps = t.optimizer().applied_steps();
      for (const nn::NamedParameter& p : t.named_parameters())
        p.variable.value().fill(std::nan(""));
    }
  };
  const auto breaks = std::make_shared<Breaks>();
  run.add_callback(breaks);
  EXPECT_EQ(run.train().epochs, 3);
  EXPECT_FALSE(breaks->saved.empty());
  EXPECT_NE(breaks->broken, breaks->saved);
  EXPECT_EQ(breaks->after, breaks->saved);
  EXPECT_EQ(breaks->steps_after, breaks->steps);
}

TEST_F(CallbacksOnFailure, RollbackGivesUp) {
  Orchestrator run(config({"optimizer.lr=1e12", "callbacks=[{type: rollback, times: 2}]"}), "test");
  EXPECT_NE(run.train().failed, "");
  EXPECT_EQ(events("rollback").size(), 2u);
}

// The checkpoints before the rollback are of weights whose loss is out of range.
TEST_F(CallbacksOnFailure, RollbackDoesNotGoBackToWeightsOutOfRange) {
  Orchestrator run(config({"optimizer.lr=1e12", "train.epochs=2", "checkpoint.every=1ba",
                           "callbacks=[{type: rollback, lr_factor: 1e-13}]"}),
                   "test");
  const RunReport report = run.train();
  EXPECT_EQ(report.failed, "");
  EXPECT_EQ(report.epochs, 2);
  const auto rollbacks = events("rollback");
  ASSERT_EQ(rollbacks.size(), 1u);
  EXPECT_GT(rollbacks[0]["step"], 0);
  EXPECT_EQ(rollbacks[0]["to_step"], 0);
  EXPECT_LT(report.validation->loss, 3);
  i64 notes = 0;
  for (const std::string& warning : warnings_)
    notes += warning.find("no rollback goes back to this checkpoint") != std::string::npos ? 1 : 0;
  EXPECT_GE(notes, 1);
}

// A checkpoint that is requested does not count.
TEST_F(CallbacksOnFailure, RollbackGoesBackToACheckpointThatWasDue) {
  for (const bool best : {false, true}) {
    fs::remove_all(folder_ / "run");
    Orchestrator run(
        config({fmt::format("callbacks=[{{type: rollback, to: {}}}]", best ? "best" : "last"),
                "checkpoint.every=1ep", "checkpoint.monitor=train/loss", "checkpoint.mode=max"}),
        "test");
    struct Breaks : Callback {
      Orchestrator* run = nullptr;
      bool failed = false;
      void on_batch_begin(Trainer&, const BatchInProgress& batch) override {
        if (batch.epoch != 3 || failed) return;
        if (batch.batch_idx == 1) run->request_checkpoint();
        if (batch.batch_idx != 3) return;
        failed = true;
        throw TrainingError("made up");
      }
    };
    const auto breaks = std::make_shared<Breaks>();
    breaks->run = &run;
    run.add_callback(breaks);
    EXPECT_EQ(run.train().epochs, 4);
    const auto rollbacks = events("rollback");
    ASSERT_EQ(rollbacks.size(), 1u);
    EXPECT_EQ(rollbacks[0]["step"], 8);
    EXPECT_EQ(rollbacks[0]["to_step"], best ? 3 : 6);  // the loss of the first epoch is the highest
  }
}

TEST_F(CallbacksOnFailure, StateOfAnOlderRunIsRead) {
  const auto loads = [](const CallbackRecipe& recipe, const char* json) {
    const auto callback = recipe.make();
    load_state([&](State& s) { callback->state(s); }, {json, {}}, recipe.name());
    return save_state([&](State& s) { callback->state(s); }).json;
  };
  EXPECT_NE(loads(rollback(), R"({"done":2,"best_loss":0.5})").find(R"("done":2)"),
            std::string::npos);
  EXPECT_NE(loads(early_stopping(), R"({"best":0.5,"looks_without":1})").find(R"("best":0.5)"),
            std::string::npos);
}

// Makes the weights NaN after the last step of an epoch, so that no training loss sees them.
struct BreaksTheEnd : Callback {
  explicit BreaksTheEnd(i64 step) : step_(step) {}
  void on_step_end(Trainer& t, const optim::StepOutcome&) override {
    if (t.optimizer().applied_steps() != step_ || std::exchange(broken_, true)) return;
    for (const nn::NamedParameter& p : t.named_parameters()) p.variable.value().fill(std::nan(""));
  }

 private:
  i64 step_;
  bool broken_ = false;
};

TEST_F(CallbacksOnFailure, AValidationLossThatIsNotFiniteEndsTheRun) {
  for (const char* every : {"1ep", "2ba"}) {
    fs::remove_all(folder_ / "run");
    Orchestrator run(config({std::string("validation.every=") + every}), "test");
    run.add_callback(std::make_shared<BreaksTheEnd>(6));  // the last of epoch 2
    const RunReport report = run.train();
    EXPECT_EQ(report.failed,
              "the validation loss is nan after step 6; try a lower learning rate, or "
              "train.clip_norm");
    EXPECT_EQ(report.validation_loss, std::numeric_limits<double>::infinity());
    EXPECT_FALSE(report.test.has_value());
    EXPECT_TRUE(events("test").empty());
    EXPECT_EQ(fs::read_symlink(file("checkpoints/best")), "step-3");
    EXPECT_FALSE(fs::exists(file("checkpoints/step-6")));
    const auto measured = events(std::string(every) == "1ep" ? "epoch" : "validation");
    EXPECT_TRUE(measured.back().at("validation/loss").is_null());
  }
}

TEST_F(CallbacksOnFailure, RollbackRepairsAValidationLossThatIsNotFinite) {
  for (const char* every : {"1ep", "2ba"})
    for (const i64 step : {6, 12}) {  // the last of epoch 2, and of the run
      fs::remove_all(folder_ / "run");
      Orchestrator run(config({std::string("validation.every=") + every, "callbacks=[rollback]"}),
                       "test");
      run.add_callback(std::make_shared<BreaksTheEnd>(step));
      const RunReport report = run.train();
      EXPECT_EQ(report.failed, "");
      EXPECT_EQ(report.epochs, 4);
      EXPECT_EQ(events("rollback").size(), 1u);
      EXPECT_TRUE(std::isfinite(report.validation_loss));
      EXPECT_DOUBLE_EQ(report.validation_loss, run.validate().loss);
    }
}

// The test is made, logged and reported, and everything is saved.
TEST_F(CallbacksOnFailure, ATestLossThatIsNotFiniteFailsTheRunThatIsDone) {
  Orchestrator run(config({"train.epochs=1"}), "test");
  struct BreaksTheTest : Callback {
    int evaluations = 0;
    void on_validation_begin(Orchestrator& o) override {
      if (++evaluations < 2) return;  // the validation
      for (const nn::NamedParameter& p : o.model().named_parameters())
        p.variable.value().fill(std::nan(""));
    }
  };
  run.add_callback(std::make_shared<BreaksTheTest>());
  const RunReport report = run.train();
  const std::string wanted =
      "the loss on the test split is nan; outputs and targets with a finite loss are required";
  EXPECT_EQ(report.failed, wanted);
  EXPECT_EQ(report.validation_loss, std::numeric_limits<double>::infinity());
  EXPECT_TRUE(report.saved);
  EXPECT_FALSE(report.stopped);
  EXPECT_TRUE(report.test.has_value());
  EXPECT_EQ(events("test").size(), 1u);
  const std::vector<nlohmann::json> failed = events("failed");
  ASSERT_EQ(failed.size(), 1u);
  EXPECT_EQ(failed[0]["reason"], wanted);

  // A run that is over makes the test anew, with the weights that were saved.
  Orchestrator again(config({"train.epochs=1", "resume=auto"}), "test");
  EXPECT_EQ(again.train().failed, "");
}

TEST_F(CallbacksOnFailure, ALossFarAboveThatOfTheInitialWeightsIsWarnedOf) {
  const auto diverged = [&](double factor) {
    fs::remove_all(folder_ / "run");
    warnings_.clear();
    Orchestrator run(config({"optimizer.lr=1e-12"}), "test");
    struct Grows : Callback {
      double by = 1;
      void on_epoch_begin(Trainer& t, i64 epoch) override {
        if (epoch != 1) return;
        for (const nn::NamedParameter& p : t.named_parameters())
          for (float& value : p.variable.value().values<float>())
            value = static_cast<float>(value * by);
      }
    };
    const auto grows = std::make_shared<Grows>();
    grows->by = factor;
    run.add_callback(grows);
    EXPECT_EQ(run.train().failed, "");
    i64 count = 0;
    for (const std::string& warning : warnings_)
      count += warning.find("the run seems to have diverged; try a lower learning rate") !=
               std::string::npos;
    return count;
  };
  EXPECT_EQ(diverged(1), 0);
  EXPECT_EQ(diverged(1e8), 1);  // once, not in each epoch
}

TEST_F(CallbacksOnFailure, NanReportNamesTheParameter) {
  Orchestrator run(config({"callbacks=[nan_report]"}), "test");
  struct Breaks : Callback {
    void on_epoch_begin(Trainer& t, i64) override {
      t.named_parameters()[2].variable.value().data<float>()[8] = std::nanf("");
    }
  };
  run.add_callback(std::make_shared<Breaks>());
  EXPECT_NE(run.train().failed, "");
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("parameter 3.weight, before the batch: 1 of 80 numbers"),
            std::string::npos)
      << warnings_[0];
  EXPECT_TRUE(fs::exists(file("nan_report.txt")));
}

TEST_F(CallbacksOnFailure, NanReportNamesOpLayerAndSamples) {
  Orchestrator run(config({"callbacks=[nan_report]"}), "test");
  // The weights are finite, but their product with the input is not.
  struct Large : Callback {
    void on_train_begin(Orchestrator& o) override {
      for (const nn::NamedParameter& p : o.model().named_parameters())
        if (p.name == "3.weight") p.variable.value().fill(3e38);
    }
  };
  run.add_callback(std::make_shared<Large>());
  EXPECT_NE(run.train().failed, "");
  ASSERT_EQ(warnings_.size(), 1u);
  EXPECT_NE(warnings_[0].find("batch 1 of epoch 1"), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[0].find("('linear' in layer 3): "), std::string::npos) << warnings_[0];
  EXPECT_NE(warnings_[0].find("in samples "), std::string::npos) << warnings_[0];
}

}  // namespace
}  // namespace weft::train
