// SPDX-License-Identifier: Apache-2.0
// Callbacks that act when training fails, rollback and nan_report, in whole small runs.
#include <cmath>
#include <map>

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
