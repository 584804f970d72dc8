// SPDX-License-Identifier: Apache-2.0
#include "weft/device/gpu/graph.h"

#include <atomic>

#include "weft/core/error.h"

namespace weft::gpu {
namespace {

std::atomic<StreamHandle> captured_stream{nullptr};

// A recording from begin to end, which is dropped unless it is taken.
class Capturing {
 public:
  explicit Capturing(StreamHandle stream) : stream_(stream) {
    WEFT_ASSERT(stream != nullptr, "capture: the default stream given; another one is required");
    StreamHandle none = nullptr;
    WEFT_ASSERT(captured_stream.compare_exchange_strong(none, stream),
                "capture: another graph is being recorded; one at a time is required");
    try {
      begin_recording(stream);
    } catch (...) {
      captured_stream = nullptr;
      throw;
    }
  }
  ~Capturing() {
    if (open_) drop_recording(stream_);
    captured_stream = nullptr;
  }
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

  Recording* take() {
    open_ = false;
    return end_recording(stream_);
  }

 private:
  StreamHandle stream_;
  bool open_ = true;
};

}  // namespace

bool is_captured(StreamHandle stream) {
  return stream != nullptr && captured_stream.load(std::memory_order_relaxed) == stream;
}

void refuse_in_capture(StreamHandle stream, const char* what) {
  WEFT_CHECK(!is_captured(stream),
             "{}: asked for while a graph is recorded; work that neither waits for the device nor "
             "reads or sends from the host is required",
             what);
}

void Graph::warm_up(const std::function<void()>& work) {
  const MemoryPool::Use use(pool_);
  work();
}

void Graph::capture(const std::function<void()>& work) {
  recording_.reset();
  const MemoryPool::Use use(pool_);
  Capturing capturing(stream_);
  work();
  recording_.reset(capturing.take());
}

void Graph::launch() const {
  WEFT_ASSERT(captured(), "Graph::launch: nothing was captured; capture() is required before");
  gpu::launch(*recording_, stream_);
}

}  // namespace weft::gpu
