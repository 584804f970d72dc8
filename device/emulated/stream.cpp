// SPDX-License-Identifier: Apache-2.0
#include "weft/device/emulated/stream.h"

#include <algorithm>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "weft/core/error.h"
#include "weft/device/emulated/memory.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"

namespace weft {

// The recording is shared with launches that are still queued. Streams that join it have one of
// their own, whose work runs as late as is legal: where the recorded stream waits for it.
struct gpu::Recording {
  using Work = std::vector<std::function<void()>>;
  std::shared_ptr<Work> work = std::make_shared<Work>();
  std::vector<CUstream_st*> joined = {};
};

namespace {

// The mutex is recursive, because work that waits for an event runs another stream's work.
std::recursive_mutex& device_mutex() {
  static auto* mutex = new std::recursive_mutex;
  return *mutex;
}
using Lock = std::lock_guard<std::recursive_mutex>;

// The list is never destroyed, because tensors in static storage may be destroyed after it.
std::vector<CUstream_st*>& all_streams() {
  static auto* streams = new std::vector<CUstream_st*>;
  return *streams;
}

std::vector<std::unique_ptr<CUstream_st>>& ended_streams() {
  static auto* streams = new std::vector<std::unique_ptr<CUstream_st>>;
  return *streams;
}
CUstream_st* new_stream(bool late) {
  const Lock lock(device_mutex());
  auto* stream = new CUstream_st;
  stream->late = late;
  all_streams().push_back(stream);
  return stream;
}

CUstream_st& stream_of(StreamHandle handle) {
  static CUstream_st* const default_stream = new_stream(false);
  return handle == nullptr ? *default_stream : *handle;
}

void run_until(CUstream_st& stream, u64 target) {
  if (stream.done >= target) return;
  const emulated::MemoryAccess access;
  while (stream.done < target) {
    const std::function<void()> work = std::move(stream.queue.front());
    stream.queue.pop_front();
    ++stream.done;
    try {
      work();
    } catch (...) {
      stream.queue.clear();
      stream.done = stream.given;
      throw;
    }
  }
}

u64 count_of_waits = 0;  // guarded by the device's mutex

// A queue holds copies of the data sent to the device, so its length must be bounded.
constexpr std::size_t kLongestQueue = 4096;

}  // namespace

namespace emulated {

void enqueue(StreamHandle handle, std::function<void()> work) {
  const Lock lock(device_mutex());
  CUstream_st& stream = stream_of(handle);
  if (stream.recording != nullptr) return stream.recording->work->push_back(std::move(work));
  stream.queue.push_back(std::move(work));
  ++stream.given;
  if (!stream.late || stream.queue.size() > kLongestQueue) run_until(stream, stream.given);
}

void pass_time(StreamHandle handle, double seconds) {
  const Lock lock(device_mutex());
  stream_of(handle).seconds += seconds;
}

u64 waits() {
  const Lock lock(device_mutex());
  return count_of_waits;
}

}  // namespace emulated

namespace gpu {

StreamHandle compute_stream() {
  static CUstream_st* const stream = new_stream(true);
  return stream;
}

void synchronize(StreamHandle handle) {
  refuse_in_capture(handle, "synchronize");
  const Lock lock(device_mutex());
  ++count_of_waits;
  CUstream_st& stream = stream_of(handle);
  run_until(stream, stream.given);
}

void synchronize_all() {
  const Lock lock(device_mutex());
  ++count_of_waits;
  for (CUstream_st* stream : all_streams()) refuse_in_capture(stream, "synchronize");
  for (CUstream_st* stream : std::vector(all_streams())) run_until(*stream, stream->given);
}

double seconds_of(StreamHandle handle, const std::function<void()>& work) {
  synchronize(handle);
  const double before = stream_of(handle).seconds;
  work();
  synchronize(handle);
  return stream_of(handle).seconds - before;
}

Stream::Stream() : handle_(new_stream(true)) {}
Stream::~Stream() {
  const Lock lock(device_mutex());
  try {
    synchronize(handle_);
  } catch (...) {  // the destructor has no caller to report it to
  }
  std::erase(all_streams(), handle_);
  // Other streams may still have a wait for its work in their queues.
  ended_streams().emplace_back(handle_);
}

struct Event::State {
  CUstream_st* stream = nullptr;
  u64 position = 0;  // the event is done when the stream has done this many pieces of work
};

Event::Event() : state_(new State) {}
Event::~Event() { delete state_; }

void Event::record(StreamHandle stream) {
  refuse_in_capture(stream, "event");
  const Lock lock(device_mutex());
  state_->stream = &stream_of(stream);
  state_->position = state_->stream->given;
}
void Event::synchronize() const {
  const Lock lock(device_mutex());
  count_of_waits += done() ? 0 : 1;
  if (state_->stream != nullptr) run_until(*state_->stream, state_->position);
}
bool Event::done() const {
  const Lock lock(device_mutex());
  return state_->stream == nullptr || state_->stream->done >= state_->position;
}

void Stream::wait(const Event& event) {
  refuse_in_capture(handle_, "wait for an event");
  if (event.state_->stream == nullptr) return;
  emulated::enqueue(handle_, [at = *event.state_] { run_until(*at.stream, at.position); });
}

void order(StreamHandle earlier_handle, StreamHandle later_handle) {
  const Lock lock(device_mutex());
  CUstream_st &earlier = stream_of(earlier_handle), &later = stream_of(later_handle);
  Recording *from = earlier.recording, *to = later.recording;
  if (from == nullptr) {
    WEFT_CHECK(to == nullptr,
               "order of streams: a stream whose work is recorded waits for work that is not; "
               "work of the same recording is required");
    emulated::enqueue(later_handle,
                      [&earlier, position = earlier.given] { run_until(earlier, position); });
  } else if (to == nullptr) {
    later.recording = new Recording;
    from->joined.push_back(&later);
  } else if (std::find(to->joined.begin(), to->joined.end(), &earlier) != to->joined.end()) {
    std::move(from->work->begin(), from->work->end(), std::back_inserter(*to->work));
    from->work->clear();
  }
}

void begin_recording(StreamHandle stream) {
  const Lock lock(device_mutex());
  stream->recording = new Recording;
}

namespace {
// Returns whether the recorded stream has waited for all work of the streams that joined.
bool end_joined(const Recording& recording) {
  bool waited = true;
  for (CUstream_st* stream : recording.joined) {
    const std::unique_ptr<Recording> own(std::exchange(stream->recording, nullptr));
    waited = end_joined(*own) && own->work->empty() && waited;
  }
  return waited;
}
}  // namespace

Recording* end_recording(StreamHandle stream) {
  const Lock lock(device_mutex());
  std::unique_ptr<Recording> recording(std::exchange(stream->recording, nullptr));
  if (!end_joined(*recording))
    throw InternalError(
        "capture: a stream that joined has work that the recorded stream does not wait for; all "
        "work has to be waited for");
  recording->joined.clear();
  return recording.release();
}
void drop_recording(StreamHandle stream) noexcept {
  const Lock lock(device_mutex());
  const std::unique_ptr<Recording> recording(std::exchange(stream->recording, nullptr));
  end_joined(*recording);
}
i64 size(const Recording& recording) { return static_cast<i64>(recording.work->size()); }
void launch(const Recording& recording, StreamHandle stream) {
  emulated::enqueue(stream, [work = recording.work] {
    for (const std::function<void()>& piece : *work) piece();
  });
}
void destroy(Recording* recording) noexcept { delete recording; }

}  // namespace gpu
}  // namespace weft
