// SPDX-License-Identifier: Apache-2.0
#include "weft/device/gpu/staging.h"

#include <cstring>

#include "weft/device/gpu/graph.h"
#include "weft/device/size_class.h"

namespace weft::gpu {

Staging::Staging(int buffers, i64 smallest)
    : smallest_(smallest), buffers_(static_cast<std::size_t>(buffers)) {}

Staging::~Staging() {
  for (const Buffer& buffer : buffers_) {
    try {
      buffer.copied->synchronize();
    } catch (...) {  // the next wait reports it
    }
    pinned_free(buffer.memory);
  }
}

void Staging::send(StreamHandle stream, void* to, const void* from, i64 bytes) {
  refuse_in_capture(stream, "copy to the device");
  if (bytes < smallest_) return copy_to_device(stream, to, from, bytes);
  const std::lock_guard lock(mutex_);
  Buffer& buffer = buffers_[next_];
  next_ = (next_ + 1) % buffers_.size();
  buffer.copied->synchronize();
  if (buffer.bytes < bytes) {
    pinned_free(buffer.memory);
    buffer.memory = nullptr;
    buffer.bytes = 0;
    const i64 size = size_class(bytes).bytes;
    buffer.memory = pinned_allocate(size);
    buffer.bytes = size;
  }
  std::memcpy(buffer.memory, from, static_cast<std::size_t>(bytes));
  copy_pinned_to_device(stream, to, buffer.memory, bytes);
  buffer.copied->record(stream);
}

// The buffers are never destroyed, because the driver may shut down first.
Staging& staging() {
  static auto* ring = new Staging(4);
  return *ring;
}

}  // namespace weft::gpu
