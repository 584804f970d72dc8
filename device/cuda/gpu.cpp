// SPDX-License-Identifier: Apache-2.0
// The runtime of a real GPU (device/gpu/gpu.h).
// source: CUDA Runtime API, "Device Management", "Stream Management", "Memory Management"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"

#include "weft/core/error.h"
#include "weft/device/cuda/check.h"

namespace weft::gpu {
namespace {

const std::string& reason() {
  static const std::string text = []() -> std::string {
    int devices = 0;
    const cudaError_t error = cudaGetDeviceCount(&devices);
    if (error == cudaErrorInsufficientDriver)
      return "there is no NVIDIA driver, or one too old for this build";
    if (error != cudaSuccess) return cudaGetErrorString(error);
    if (devices == 0) return "there is no NVIDIA GPU";
    return {};
  }();
  return text;
}

}  // namespace

std::string why_unusable() { return reason(); }
bool is_fast() { return true; }
std::string description() {
  cudaDeviceProp properties{};
  check(cudaGetDeviceProperties(&properties, 0), "device");
  return properties.name;
}

// The stream is non-blocking: neither it nor the default stream waits for the other.
Stream::Stream() { check(cudaStreamCreateWithFlags(&handle_, cudaStreamNonBlocking), "stream"); }
Stream::~Stream() { static_cast<void>(cudaStreamDestroy(handle_)); }

StreamHandle compute_stream() {
  static const auto* const stream = new Stream;  // never destroyed: the driver may shut down first
  return stream->handle();
}

struct Event::State {
  cudaEvent_t event = nullptr;
};
Event::Event() : state_(new State) {
  const cudaError_t error = cudaEventCreateWithFlags(&state_->event, cudaEventDisableTiming);
  if (error == cudaSuccess) return;
  delete state_;
  check(error, "event");
}
Event::~Event() {
  static_cast<void>(cudaEventDestroy(state_->event));
  delete state_;
}
void Event::record(StreamHandle stream) {
  refuse_in_capture(stream, "event");
  check(cudaEventRecord(state_->event, stream), "event");
}
void Event::synchronize() const { check(cudaEventSynchronize(state_->event), "event"); }
bool Event::done() const {
  const cudaError_t error = cudaEventQuery(state_->event);
  if (error == cudaErrorNotReady) return false;
  check(error, "event");
  return true;
}
void Stream::wait(const Event& event) {
  refuse_in_capture(handle_, "wait for an event");
  check(cudaStreamWaitEvent(handle_, event.state_->event, 0), "stream");
}

// CUDA's own recording follows events from stream to stream. A wait is for the state of the event
// at the call, so the event can be destroyed at once.
void order(StreamHandle earlier, StreamHandle later) {
  cudaEvent_t event = nullptr;
  check(cudaEventCreateWithFlags(&event, cudaEventDisableTiming), "event");
  cudaError_t error = cudaEventRecord(event, earlier);
  if (error == cudaSuccess) error = cudaStreamWaitEvent(later, event, 0);
  static_cast<void>(cudaEventDestroy(event));
  check(error, "order of streams");
}

double seconds_of(StreamHandle stream, const std::function<void()>& work) {
  refuse_in_capture(stream, "timing");
  struct Timestamp {
    Timestamp() { check(cudaEventCreate(&event), "event"); }
    ~Timestamp() { static_cast<void>(cudaEventDestroy(event)); }
    Timestamp(const Timestamp&) = delete;
    cudaEvent_t event = nullptr;
  } begin, end;
  check(cudaEventRecord(begin.event, stream), "event");
  work();
  check(cudaEventRecord(end.event, stream), "event");
  check(cudaEventSynchronize(end.event), "event");
  float milliseconds = 0;
  check(cudaEventElapsedTime(&milliseconds, begin.event, end.event), "event");
  return static_cast<double>(milliseconds) / 1e3;
}

// Ordinary host memory is copied to the driver's pinned staging memory before the call returns.
void copy_to_device(StreamHandle stream, void* to, const void* from, i64 bytes) {
  if (bytes == 0) return;
  refuse_in_capture(stream, "copy to the device");
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream),
        "copy to the device");
}
void copy_to_host(StreamHandle stream, void* to, const void* from, i64 bytes) {
  refuse_in_capture(stream, "copy to the host");
  if (bytes > 0)
    check(
        cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream),
        "copy to the host");
  synchronize(stream);
}
void* pinned_allocate(i64 bytes) {
  void* memory = nullptr;
  check(cudaHostAlloc(&memory, static_cast<std::size_t>(bytes), cudaHostAllocDefault),
        "pinned memory");
  return memory;
}
void pinned_free(void* memory) noexcept { static_cast<void>(cudaFreeHost(memory)); }
void copy_pinned_to_device(StreamHandle stream, void* to, const void* from, i64 bytes) {
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice, stream),
        "copy to the device");
}
void copy_to_pinned(StreamHandle stream, void* to, const void* from, i64 bytes) {
  check(cudaMemcpyAsync(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost, stream),
        "copy to the host");
}
void set_bytes(StreamHandle stream, void* to, u8 value, i64 bytes) {
  if (bytes > 0)
    check(cudaMemsetAsync(to, value, static_cast<std::size_t>(bytes), stream), "set bytes");
}

void synchronize(StreamHandle stream) {
  refuse_in_capture(stream, "synchronize");
  check(cudaStreamSynchronize(stream), "synchronize");
}
void synchronize_all() {
  refuse_in_capture(compute_stream(), "synchronize");
  check(cudaDeviceSynchronize(), "synchronize");
}

MemoryInfo memory_info() {
  std::size_t free_bytes = 0, total_bytes = 0;
  check(cudaMemGetInfo(&free_bytes, &total_bytes), "memory");
  return {static_cast<i64>(free_bytes), static_cast<i64>(total_bytes)};
}

void* system_allocate(i64 bytes) {
  void* block = nullptr;
  const cudaError_t error = cudaMalloc(&block, static_cast<std::size_t>(bytes));
  if (error == cudaErrorMemoryAllocation) {
    static_cast<void>(cudaGetLastError());  // or a later call would report it again
    return nullptr;
  }
  check(error, "allocate");
  return block;
}
void system_free(void* block) noexcept { static_cast<void>(cudaFree(block)); }

void block_handed_out(StreamHandle, void*, i64, i64) {}
void block_came_back(StreamHandle, void*, i64) {}

}  // namespace weft::gpu
