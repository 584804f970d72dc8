// SPDX-License-Identifier: Apache-2.0
// Recordings are CUDA graphs (device/gpu/gpu.h).
// source: CUDA Runtime API, "Stream Management" (capture), "Graph Management"
#include "weft/device/cuda/check.h"
#include "weft/device/gpu/gpu.h"

namespace weft::gpu {

struct Recording {
  cudaGraphExec_t executable = nullptr;
  i64 size = 0;
};

// Other threads may allocate and synchronize during the recording.
void begin_recording(StreamHandle stream) {
  check(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal), "capture");
}

Recording* end_recording(StreamHandle stream) {
  cudaGraph_t graph = nullptr;
  check(cudaStreamEndCapture(stream, &graph), "capture");
  cudaGraphExec_t executable = nullptr;
  std::size_t nodes = 0;
  cudaError_t error = cudaGraphGetNodes(graph, nullptr, &nodes);
  if (error == cudaSuccess) error = cudaGraphInstantiateWithFlags(&executable, graph, 0);
  static_cast<void>(cudaGraphDestroy(graph));
  check(error, "graph");
  return new Recording{executable, static_cast<i64>(nodes)};
}

void drop_recording(StreamHandle stream) noexcept {
  cudaGraph_t graph = nullptr;
  static_cast<void>(cudaStreamEndCapture(stream, &graph));
  if (graph != nullptr) static_cast<void>(cudaGraphDestroy(graph));
  static_cast<void>(cudaGetLastError());  // or a later call would report it again
}

i64 size(const Recording& recording) { return recording.size; }

void launch(const Recording& recording, StreamHandle stream) {
  check(cudaGraphLaunch(recording.executable, stream), "graph");
}

// CUDA frees a graph that is still running when it has finished.
void destroy(Recording* recording) noexcept {
  static_cast<void>(cudaGraphExecDestroy(recording->executable));
  delete recording;
}

}  // namespace weft::gpu
