// SPDX-License-Identifier: Apache-2.0
// A graph is work for a stream that is recorded once and repeated with one call.
//
//   gpu::Graph graph(stream);
//   graph.warm_up([&] { step(); });  // executed as usual, with memory from the graph's pool
//   graph.capture([&] { step(); });  // recorded, not executed
//   graph.launch();                  // executed, as often as wanted
//
// Note [Capture]
// A graph repeats the same work on the same addresses. Therefore, values that change from one
// launch to the next must lie in memory that the work reads, written in the stream's order before
// the launch. Memory that the work allocates must belong to the graph alone: it comes from the
// graph's pool, which the warm-up fills. While work is recorded nothing is executed, so the host
// cannot read results, wait for work or send data (a graph would send the bytes found at that
// address when it is launched). An attempt throws, and the recording is dropped.
#pragma once
#include <functional>
#include <memory>

#include "weft/device/gpu/allocator.h"
#include "weft/device/gpu/gpu.h"

namespace weft::gpu {

// Not thread-safe. Only one recording may be in progress in the process.
class Graph {
 public:
  explicit Graph(StreamHandle stream) : stream_(stream), pool_(stream) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void warm_up(const std::function<void()>& work);
  // Replaces the work captured before. An exception of `work` is passed on, and nothing is then
  // captured.
  void capture(const std::function<void()>& work);
  bool captured() const { return recording_ != nullptr; }
  // Throws InternalError if nothing was captured.
  void launch() const;
  i64 size() const { return captured() ? gpu::size(*recording_) : 0; }  // kernels, copies and fills

 private:
  struct Destroy {
    void operator()(Recording* recording) const noexcept { destroy(recording); }
  };
  StreamHandle stream_;
  MemoryPool pool_;
  std::unique_ptr<Recording, Destroy> recording_;
};

// Returns true if work for the stream is being recorded.
bool is_captured(StreamHandle stream);
// Throws UserError if work for the stream is being recorded, for operations that must not be.
void refuse_in_capture(StreamHandle stream, const char* what);

}  // namespace weft::gpu
