// SPDX-License-Identifier: Apache-2.0
// Steps that were given to the device and of which the host has no report yet, oldest first.
//
// Note [The outcome of a step]
// With clipping or loss scaling, only the device knows whether a step was skipped. The host does
// not wait for it: the next step reads learning rate and loss scale from the device. Reports arrive
// in order, up to kMost - 1 steps late; on the CPU a step is over when it was run, and its report
// is there at once. What the host knows (applied steps, learning rate, loss scale) is as of the
// last report.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <vector>

#include "weft/device/readback.h"
#include "weft/kernels/optim/step_state.h"
#include "weft/train/step/step_input.h"

namespace weft::train {

class StepsInFlight {
 public:
  static constexpr i64 kMost = 4;

  explicit StepsInFlight(const Device& device) : device_(device) {}

  i64 size() const { return size_; }
  // The place of the next step's input: empty, with the capacity that earlier steps left.
  StepInput& next_input();
  // That step was given to the device, which will have written `count` reports at `reports`.
  void submitted(const kernels::StepReport* reports, i64 count);
  // Waits for the oldest step; its input and reports stay until release().
  std::span<const kernels::StepReport> wait();
  const StepInput& oldest_input() const { return slots_[oldest_].input; }
  void release();
  // Forgets all of them, after the device is through.
  void drop();

 private:
  struct Slot {
    StepInput input;
    std::unique_ptr<Readback> readback;
    i64 count = 0;
  };
  Device device_;
  std::array<Slot, kMost> slots_;
  std::size_t oldest_ = 0;
  i64 size_ = 0;
};

}  // namespace weft::train
