// SPDX-License-Identifier: Apache-2.0
// Graph: work for a stream, recorded once and done again with one call.
//
//   gpu::Graph graph(stream);
//   graph.warm_up([&] { step(); });  // done as usual, with memory of the graph's own
//   graph.capture([&] { step(); });  // recorded, not done
//   graph.launch();                  // done, as often as wanted
//
// Note [Capture]
// A graph repeats the same work on the same addresses. So what changes from one launch to the next
// must lie in memory that the work reads, written in the stream's order before the launch; and what
// the work allocates must be nobody else's: it comes from the graph's pool, into which the warm-up
// has brought it. While work is recorded nothing is done, therefore the host can read nothing, wait
// for nothing and send nothing (a graph would send what lies at that address when it is launched).
// Whoever tries is told, and the recording is dropped.
#pragma once
#include <functional>
#include <memory>

#include "weft/device/gpu/allocator.h"
#include "weft/device/gpu/gpu.h"

namespace weft::gpu {

// Not thread-safe; one recording at a time in the process.
class Graph {
 public:
  explicit Graph(StreamHandle stream) : stream_(stream), pool_(stream) {}
  Graph(const Graph&) = delete;
  Graph& operator=(const Graph&) = delete;

  void warm_up(const std::function<void()>& work);
  // In place of what was captured before. What `work` throws is passed on, and nothing is captured
  // then.
  void capture(const std::function<void()>& work);
  bool captured() const { return recording_ != nullptr; }
  // Throws InternalError when nothing was captured.
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

// Whether work for the stream is being recorded.
bool is_captured(StreamHandle stream);
// Throws UserError if so: for what must not be recorded.
void refuse_in_capture(StreamHandle stream, const char* what);

}  // namespace weft::gpu
