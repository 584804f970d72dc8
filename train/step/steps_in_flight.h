// SPDX-License-Identifier: Apache-2.0
// Steps that were submitted to the device and whose reports the host has not read, oldest first.
//
// Note [The outcome of a step]
// With clipping or loss scaling, only the device knows whether a step was skipped. The host does
// not wait for it, because the next step reads learning rate and loss scale from the device.
// Reports arrive in order, up to kMost - 1 steps late. On the CPU a report is available as soon as
// the step was run. The host's values (applied steps, learning rate, loss scale) are as of the last
// report.
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
  // The slot of the next step's input. It is empty and keeps the capacity of earlier steps.
  StepInput& next_input();
  // Called after that step was submitted to the device, which writes `count` reports to `reports`.
  void submitted(const kernels::StepReport* reports, i64 count);
  // Waits for the oldest step. Its input and reports stay valid until release().
  std::span<const kernels::StepReport> wait();
  const StepInput& oldest_input() const { return slots_[oldest_].input; }
  void release();
  // Waits for the device and drops all steps.
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
