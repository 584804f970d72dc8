// SPDX-License-Identifier: Apache-2.0
// Runs that are stopped before their end, to be resumed.
#pragma once
#include <filesystem>
#include <initializer_list>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "weft/tests/train/run_files.h"
#include "weft/train/run/orchestrator.h"

namespace weft::train::testing_runs {

// Trains until a stop is requested at the n-th batch. Returns whether that stopped the run.
inline bool stopped_at(const RunConfig& config, i64 batch) {
  struct Stops : Callback {
    explicit Stops(i64 at) : batches_left(at) {}
    void on_batch_begin(Trainer&, const BatchInProgress&) override {
      if (--batches_left == 0) stop.request_stop();
    }
    i64 batches_left;
    std::stop_source stop;
  };
  Orchestrator run(config, "test");
  const auto stops = std::make_shared<Stops>(batch);
  run.add_callback(stops);
  return run.train(stops->stop.get_token()).stopped;
}

// Expects of runs in `folder`, each stopped at one of the batches and then resumed, that they come
// to what a run at a stretch does. `config` gives the config for a list of overrides.
template <class F>
void expect_equal_after_a_stop(const std::filesystem::path& folder,
                               const std::vector<std::string>& keys,
                               std::initializer_list<i64> batches, const F& config) {
  Orchestrator(config(keys), "test").train();
  const auto whole = outcome_of(folder);
  for (const i64 batch : batches) {
    std::filesystem::remove_all(folder);
    EXPECT_TRUE(stopped_at(config(keys), batch));
    std::vector<std::string> resumed = keys;
    resumed.emplace_back("resume=auto");
    Orchestrator(config(resumed), "test").train();
    EXPECT_EQ(outcome_of(folder), whole) << "stopped at batch " << batch;
  }
}

}  // namespace weft::train::testing_runs
