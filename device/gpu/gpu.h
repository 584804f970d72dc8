// SPDX-License-Identifier: Apache-2.0
// The runtime of a GPU: memory, streams, events, recordings. It is implemented with CUDA in
// device/cuda and on the host in device/emulated; the linker chooses one (WEFT_CUDA). A null stream
// is the default stream, which no other stream waits for.
#pragma once
#include <functional>
#include <string>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::gpu {

// Returns "" if a GPU is usable, and otherwise the reason as one clause.
std::string why_unusable();
// Returns true if `auto` may choose this GPU. The emulated device is never fast, because it is for
// tests.
bool is_fast();

// Returns a readable description: "NVIDIA H100 80GB HBM3".
std::string description();

// Returns the compute stream, on which tensors are computed.
StreamHandle compute_stream();
// Resolves "cuda" and "auto" to the GPU with the compute stream. If cuda cannot be used, throws
// UserError for "cuda", and returns the CPU with a notice for "auto". "auto" also returns the CPU
// if the GPU is not a fast one.
Device device_named(const std::string& name);

// `from` may be changed when the call returns; `to` is written in the stream's order.
void copy_to_device(StreamHandle stream, void* to, const void* from, i64 bytes);
// Waits for the stream.
void copy_to_host(StreamHandle stream, void* to, const void* from, i64 bytes);
void set_bytes(StreamHandle stream, void* to, u8 value, i64 bytes);
// Allocates pinned host memory, which the GPU reads without the host. Throws InternalError if there
// is none.
void* pinned_allocate(i64 bytes);
void pinned_free(void* memory) noexcept;
// Copies from and to pinned memory without waiting. A source must stay unchanged until the stream
// has reached the copy, and a destination holds the values only after that (an Event tells).
void copy_pinned_to_device(StreamHandle stream, void* to, const void* from, i64 bytes);
void copy_to_pinned(StreamHandle stream, void* to, const void* from, i64 bytes);

// Throws InternalError, with the name of the kernel, for a failure on the device since the last
// call.
void synchronize(StreamHandle stream);
void synchronize_all();

struct MemoryInfo {
  i64 free_bytes = 0, total_bytes = 0;
};
MemoryInfo memory_info();
// Allocates from the driver, which is slow; only the caching allocator uses it. Returns null if
// there is no more memory. A free may wait for all work.
void* system_allocate(i64 bytes);
void system_free(void* block) noexcept;
// The allocator reports the points in the stream's order at which `bytes` of a block of `size` are
// allocated and freed.
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
  // Work queued from now on begins after the event.
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

// Work queued on `later` from now on begins after the work queued on `earlier` so far. While work
// for `earlier` is recorded, `later` joins the recording, and `earlier` must be ordered behind it
// before the recording ends.
void order(StreamHandle earlier, StreamHandle later);

// Returns the time on the stream of the work that `work` queues. The emulated device's time is
// artificial (pass_time). Waits for the stream.
double seconds_of(StreamHandle stream, const std::function<void()>& work);

// The primitives of a graph; use device/gpu/graph.h instead. Between begin and end, work for the
// stream is recorded instead of executed. Only one recording may be in progress.
struct Recording;
void begin_recording(StreamHandle stream);
Recording* end_recording(StreamHandle stream);
void drop_recording(StreamHandle stream) noexcept;  // instead of end
i64 size(const Recording& recording);               // pieces of work
void launch(const Recording& recording, StreamHandle stream);
void destroy(Recording* recording) noexcept;  // the recording may still run

}  // namespace weft::gpu
