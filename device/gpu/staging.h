// SPDX-License-Identifier: Apache-2.0
// Sends large data to the GPU through pinned memory, so that the host does not wait until the
// stream has reached the copy.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "weft/device/gpu/gpu.h"

namespace weft::gpu {

// A ring of pinned buffers. A buffer is reused when the copy out of it is done; if it is not, the
// host waits. The host can thus run ahead by as many copies as there are buffers. Thread-safe.
class Staging {
 public:
  explicit Staging(int buffers, i64 smallest = kSmallest);
  ~Staging();  // waits for the copies
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // `from` may be changed when the call returns; `to` is written in the stream's order.
  void send(StreamHandle stream, void* to, const void* from, i64 bytes);

 private:
  // CUDA itself buffers smaller copies and does not wait.
  static constexpr i64 kSmallest = i64{64} * 1024;
  struct Buffer {
    void* memory = nullptr;
    i64 bytes = 0;
    std::unique_ptr<Event> copied = std::make_unique<Event>();
  };

  i64 smallest_;
  std::mutex mutex_;
  std::vector<Buffer> buffers_;
  std::size_t next_ = 0;
};
// Returns the ring that tensors use.
Staging& staging();

}  // namespace weft::gpu
