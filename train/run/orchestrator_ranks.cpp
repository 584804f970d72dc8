// SPDX-License-Identifier: Apache-2.0
// What the ranks of a run tell each other. Note [What ranks agree on]
#include "weft/train/run/orchestrator.h"

namespace weft::train {

// A stop at this rank takes effect when all ranks know of it.
void Orchestrator::listen_to_ranks(std::stop_token stop) {
  control_.asked = {.stop = std::move(stop)};
  control_.stop = control_.asked.agreed_stop.get_token();
}

RankRequests Orchestrator::asked() const {
  return {.stop = control_.asked.stop.stop_requested(), .save = control_.checkpoint_requested};
}

// Called after a step, with what the ranks have agreed on in the last step of which the outcome is
// known. A save has answered the requests of the steps before it.
void Orchestrator::heed_step() {
  if (ranks().alone()) return;
  const RankRequests agreed = trainer_->progress().asked;
  const i64 known = trainer_->progress().steps_begun - trainer_->counters().in_flight;
  if (agreed.stop) control_.asked.agreed_stop.request_stop();
  if (agreed.save && known > control_.asked.saved_after) control_.asked.agreed_save = true;
}

// Called where ranks are outside of a step.
void Orchestrator::meet_ranks() {
  if (ranks().alone()) return;
  const RankRequests agreed = ranks().any(asked());
  if (agreed.stop) control_.asked.agreed_stop.request_stop();
  control_.asked.agreed_save = control_.asked.agreed_save || agreed.save;
}

bool Orchestrator::take_request_to_save() {
  if (ranks().alone()) return control_.checkpoint_requested.exchange(false);
  return std::exchange(control_.asked.agreed_save, false);
}

// Without sync_batch_norm each rank has statistics of its own part of the batches. Those of rank 0
// are evaluated and saved.
void Orchestrator::copy_buffers() {
  if (ranks().alone() || config_.run.dist.sync_batch_norm) return;
  for (const NamedModel& model : trainer_->models()) ranks().copy_buffers(*model.module);
}

void Orchestrator::share_folder() {
  if (ranks().alone()) return;
  const std::string path =
      ranks().from_first(ranks().is_first() ? folder()->path().string() : std::string());
  if (!ranks().is_first()) output_.folder = RunFolder::of_another_process(path);
}

// Rank 0 waits for the save in progress, so that callbacks of all ranks find the same checkpoints.
void Orchestrator::share_last_checkpoint() {
  if (ranks().alone()) return;
  const auto newest = ranks().is_first() ? last_checkpoint() : std::nullopt;
  const std::string path = ranks().from_first(newest ? newest->string() : "");
  if (!ranks().is_first()) output_.last_of_first = path;
}

}  // namespace weft::train
