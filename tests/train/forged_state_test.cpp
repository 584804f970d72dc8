// SPDX-License-Identifier: Apache-2.0
// Numbers of a checkpoint's state that somebody has changed.
#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "weft/core/files.h"
#include "weft/tests/train/received_run.h"
#include "weft/train/run/checkpoint_place.h"

namespace weft::train {
namespace {

using namespace testing_runs;

class ForgedState : public ReceivedRun {};

// Each number of the state that would change how the run goes on has its range, and the message
// names file and field.
TEST_F(ForgedState, SlowAForgedNumberIsRefusedByItsName) {
  const Keys keys{
      "train.epochs=3",
      "train.max_steps=6",
      "scheduler={type: plateau, patience: 3}",
      "precision=fp16",
      "strategy=[{type: staged_unfreeze, stages: [{at: 0ep, train: ['*']}]}]",
      "callbacks=[ema, {type: early_stopping, patience: 9}, {type: rollback, times: 2}]"};
  train(keys);
  const fs::path newest = find_checkpoint(dir(), "last");
  const std::string state = text_of(newest / kTrainerStateFile),
                    manifest = text_of(newest / kManifestFile);
  ASSERT_EQ(newest.filename(), "step-6");
  const auto forged = [&](const std::string& field, const nlohmann::ordered_json& value) {
    forge(newest, [&](auto& j) {
      auto* at = &j;
      std::string rest = field;
      // The names of callbacks and strategies have dots.
      for (const char* part :
           {"callbacks.0.ema", "callbacks.1.early_stopping", "callbacks.2.rollback"})
        if (const std::string begin = std::string("state.") + part + "."; rest.starts_with(begin)) {
          at = &j["state"][part];
          rest = rest.substr(begin.size());
        }
      for (std::size_t dot; (dot = rest.find('.')) != rest.npos; rest = rest.substr(dot + 1))
        at = &(*at)[rest.substr(0, dot)];
      ASSERT_TRUE(at->contains(rest)) << field;
      (*at)[rest] = value;
    });
    const std::string message = refusal([&] {
      Keys all = keys;
      all.push_back("resume=" + newest.string());
      train(all, "elsewhere");
    });
    fs::remove_all(dir("elsewhere"));
    write(newest / kTrainerStateFile, state);
    write(newest / kManifestFile, manifest);
    return message;
  };
  const auto expect_refused = [&](const std::string& field, const nlohmann::ordered_json& value) {
    const std::string message = forged(field, value);
    EXPECT_SAYS(message, kTrainerStateFile) << field << " " << value;
    EXPECT_SAYS(message, field.substr(field.rfind('.') + 1)) << field << " " << value;
    EXPECT_SAYS(message, "required") << field << " " << value;
  };
  constexpr i64 kMost = std::numeric_limits<i64>::max();
  for (const char* field :
       {"epoch", "step", "batch", "samples", "state.trainer.epochs_done",
        "state.trainer.epoch.steps", "state.optimizer.applied_steps", "state.run.samples_seen",
        "state.trainer.schedule_start", "state.trainer.schedule.bad",
        "state.trainer.schedule.cooling", "state.trainer.loss_scaler.calm_steps",
        "state.callbacks.0.ema.steps", "state.callbacks.1.early_stopping.looks_without",
        "state.callbacks.1.early_stopping.best_epoch", "state.callbacks.2.rollback.done",
        "state.strategy.stage", "state.run.loader.batch"}) {
    for (const nlohmann::ordered_json& value :
         {nlohmann::ordered_json(-1), nlohmann::ordered_json(kMost), nlohmann::ordered_json(1.5),
          nlohmann::ordered_json(nullptr), nlohmann::ordered_json("x")})
      expect_refused(field, value);
  }
  for (const char* field :
       {"state.trainer.lr_scale", "state.trainer.lr", "state.trainer.schedule.factor",
        "state.trainer.loss_scaler.scale", "state.trainer.epoch.loss.weight", "state.run.seconds"})
    for (const double value : {-1.0, 1e300, -1e300}) {
      if (value == 1e300 && std::string(field).ends_with("weight")) continue;
      expect_refused(field, value);
    }
  // What is in range alone, and not beside the others, would leave out steps.
  expect_refused("state.trainer.epoch.batches", 1);
  expect_refused("state.trainer.epochs_done", 0);
  expect_refused("state.trainer.steps_per_epoch", 1);
  expect_refused("state.optimizer.applied_steps", 5);
  expect_refused("state.run.validated_at", -1);
  expect_refused("state.callbacks.0.ema.average", nullptr);
  EXPECT_EQ(forged("state.run.seconds", 5), "accepted");
}

}  // namespace
}  // namespace weft::train
