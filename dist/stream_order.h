// SPDX-License-Identifier: Apache-2.0
// The order between a backend's stream on a GPU and the streams of the tensors of its operations.
// Does nothing for a backend without a stream, which is the CPU's.
#pragma once
#include <vector>

#include "weft/device/device.h"
#include "weft/tensor/tensor.h"

namespace weft::dist {

class StreamOrder {
 public:
  StreamOrder() = default;
  explicit StreamOrder(StreamHandle own) : own_(own) {}
  explicit operator bool() const { return own_ != nullptr; }

  // Operations queued from now on begin after the work so far on the tensor's stream. Its memory is
  // kept until finish().
  void begin(const Tensor& values);
  // Later work on the streams of the tensors begins after the operations queued so far.
  void finish();
  // The host waits for the operations queued so far.
  void wait() const;

 private:
  StreamHandle own_ = nullptr;
  std::vector<Tensor> begun_;
};

}  // namespace weft::dist
