// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/steps_in_flight.h"

namespace weft::train {

StepInput& StepsInFlight::next_input() {
  WEFT_ASSERT(size_ < kMost, "training steps: {} in flight; fewer than {} are required", size_,
              kMost);
  StepInput& input = slots_[(oldest_ + static_cast<std::size_t>(size_)) % kMost].input;
  input.micro_batches.clear();
  return input;
}

void StepsInFlight::submitted(const kernels::StepReport* reports, i64 count) {
  Slot& slot = slots_[(oldest_ + static_cast<std::size_t>(size_)) % kMost];
  if (slot.readback == nullptr || slot.count != count)
    slot.readback = make_readback(device_, count * static_cast<i64>(sizeof(kernels::StepReport)));
  slot.count = count;
  slot.readback->start(reports);
  ++size_;
}

std::span<const kernels::StepReport> StepsInFlight::wait() {
  const Slot& slot = slots_[oldest_];
  return {static_cast<const kernels::StepReport*>(slot.readback->wait()),
          static_cast<std::size_t>(slot.count)};
}

void StepsInFlight::release() {
  slots_[oldest_].input.micro_batches.clear();
  oldest_ = (oldest_ + 1) % kMost;
  --size_;
}

void StepsInFlight::drop() {
  while (size_ > 0) {
    try {
      wait();
    } catch (...) {  // the next wait reports the error
    }
    release();
  }
}

}  // namespace weft::train
