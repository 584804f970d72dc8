// SPDX-License-Identifier: Apache-2.0
// This process as one of the ranks of a job (dist/launch.h). Without a launcher, or with a job of
// one process, it is rank 0 without a group, and everything is as in a process of its own.
#pragma once
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "weft/dist/process_group.h"
#include "weft/train/run/run_config.h"

namespace weft::app {

class Rank {
 public:
  // Reads the environment and starts no thread. Throws UserError for variables that contradict each
  // other.
  Rank();

  bool is_first() const { return number() == 0; }
  // What its messages begin with: "rank 2: "; empty for rank 0.
  std::string prefix() const;

  // Joins the job of a config, and gives this rank its share of the machine: its GPU, and its
  // threads if run.threads is 0. Does nothing in a process of its own. Throws UserError, on all
  // ranks, if they do not fit together.
  void join(const train::RunConfig& config);
  dist::ProcessGroup* group() const { return group_.get(); }
  // Runs `work`. What it throws reaches the other ranks, and names this one.
  int run(const std::function<int()>& work);
  // Ends the job for this rank. Returns the exit code of all: the first that is not 0.
  int leave(int code);

 private:
  i64 number() const { return launch_ ? launch_->rank : 0; }
  void fail_job(const std::string& why);

  std::optional<dist::Launch> launch_;
  std::unique_ptr<dist::ProcessGroup> group_;
  bool left_ = false;
};

}  // namespace weft::app
