// SPDX-License-Identifier: Apache-2.0
// The runtime of a GPU: memory, streams, events, recordings. Implemented by CUDA's in device/cuda
// and on the host in device/emulated, chosen when linking (WEFT_CUDA). A null stream is the default
// one, which no other stream waits for.
#pragma once
#include <functional>
#include <string>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::gpu {

// Empty when there is a GPU to run on; otherwise why not, as one clause.
std::string why_unusable();
// What `auto` may choose: the emulated device never, it is for tests.
bool is_fast();

// What it is, for people: "NVIDIA H100 80GB HBM3".
std::string description();

// The stream that tensors are computed on.
StreamHandle compute_stream();
// Of "cuda" and "auto": the GPU with that stream. Throws UserError where cuda cannot be used; auto
// then is the CPU, with a notice, and also where the GPU is not a fast one.
Device device_named(const std::string& name);

// `from` may be changed when the call returns, `to` is written in the stream's order.
void copy_to_device(StreamHandle stream, void* to, const void* from, i64 bytes);
// Waits for the stream.
void copy_to_host(StreamHandle stream, void* to, const void* from, i64 bytes);
void set_bytes(StreamHandle stream, void* to, u8 value, i64 bytes);
// Host memory that the GPU reads by itself while the host goes on. Throws InternalError when there
// is none.
void* pinned_allocate(i64 bytes);
void pinned_free(void* memory) noexcept;
// From such memory, which must stay as it is until the stream has come by; and into such memory,
// which has the numbers when it has (an Event tells).
void copy_pinned_to_device(StreamHandle stream, void* to, const void* from, i64 bytes);
void copy_to_pinned(StreamHandle stream, void* to, const void* from, i64 bytes);

// Throws InternalError for what failed on the device since the last call, naming the kernel.
void synchronize(StreamHandle stream);
void synchronize_all();

struct MemoryInfo {
  i64 free_bytes = 0, total_bytes = 0;
};
MemoryInfo memory_info();
// From the driver, slowly: for the caching allocator. Null when there is no more; a free may wait
// for all work.
void* system_allocate(i64 bytes);
void system_free(void* block) noexcept;
// The allocator tells where, in the stream's order, `bytes` of a block of `size` begin and cease to
// belong to somebody.
void block_handed_out(StreamHandle stream, void* block, i64 bytes, i64 size);
void block_came_back(StreamHandle stream, void* block, i64 size);

class Event;

class Stream {
 public:
  Stream();
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  StreamHandle handle() const { return handle_; }
  // Work given from now on begins after the event.
  void wait(const Event& event);

 private:
  StreamHandle handle_ = nullptr;
};

// A point in a stream's work.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  void record(StreamHandle stream);
  void synchronize() const;  // returns at once if it was never recorded
  bool done() const;

 private:
  friend class Stream;
  struct State;
  State* state_;
};

// The stream's time that the work takes which `work` gives it; the emulated device's is made up
// (pass_time). Waits for the stream.
double seconds_of(StreamHandle stream, const std::function<void()>& work);

// What a graph is made of (device/gpu/graph.h, which is what to use). Between begin and end, work
// for the stream is kept instead of being done. One at a time.
struct Recording;
void begin_recording(StreamHandle stream);
Recording* end_recording(StreamHandle stream);
void drop_recording(StreamHandle stream) noexcept;  // in place of end
i64 size(const Recording& recording);               // pieces of work
void launch(const Recording& recording, StreamHandle stream);
void destroy(Recording* recording) noexcept;  // it may still run

}  // namespace weft::gpu
