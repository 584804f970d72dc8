// SPDX-License-Identifier: Apache-2.0
// Sends what is large to the GPU through pinned memory, so that the host need not wait until the
// stream has got as far as the copy.
#pragma once
#include <memory>
#include <mutex>
#include <vector>

#include "weft/device/gpu/gpu.h"

namespace weft::gpu {

// A ring of pinned buffers. A buffer is used again when the copy out of it is done, and waited for
// if it is not: the host runs ahead by as many copies as there are buffers. Thread-safe.
class Staging {
 public:
  explicit Staging(int buffers, i64 smallest = kSmallest);
  ~Staging();  // waits for the copies
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // `from` may be changed when the call returns, `to` is written in the stream's order.
  void send(StreamHandle stream, void* to, const void* from, i64 bytes);

 private:
  // Below it, CUDA itself keeps a copy and does not wait.
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
// The one that tensors go through.
Staging& staging();

}  // namespace weft::gpu
