// SPDX-License-Identifier: Apache-2.0
// Runs that are stopped before their end, to be resumed.
#pragma once
#include <memory>
#include <stop_token>

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

}  // namespace weft::train::testing_runs
