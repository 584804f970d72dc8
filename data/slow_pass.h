// SPDX-License-Identifier: Apache-2.0
// A pass over a dataset before training begins: a log line says what takes so long.
#pragma once
#include <string>
#include <utility>

#include "weft/core/clock.h"
#include "weft/core/log.h"
#include "weft/core/types.h"

namespace weft::data {

// Logs one line, "WHAT: N of M samples were read in the first S s", once a pass has taken some
// seconds. A quick pass logs nothing.
class SlowPass {
 public:
  SlowPass(std::string what, i64 samples) : what_(std::move(what)), samples_(samples) {}

  // Must be called after each sample, or after several.
  void note(i64 samples_read) {
    constexpr int kCallsPerLook = 16;  // a look at the clock takes as long as a small sample
    if (said_ || ++calls_ % kCallsPerLook != 1) return;
    const double seconds = seconds_since(begun_);
    if (seconds < kPatience) return;
    said_ = true;
    log_info("{}: {} of {} samples were read in the first {:.0f} s", what_, samples_read, samples_,
             seconds);
  }

 private:
  static constexpr double kPatience = 3;  // seconds

  std::string what_;
  i64 samples_;
  Clock::time_point begun_ = Clock::now();
  int calls_ = 0;
  bool said_ = false;
};

}  // namespace weft::data
