// SPDX-License-Identifier: Apache-2.0
#include "weft/device/backend.h"

#include "weft/core/error.h"
#include "weft/core/log.h"
#include "weft/device/gpu/allocator.h"
#include "weft/device/gpu/gpu.h"

namespace weft {
namespace {

Cuda on_stream(Cuda device) {
  return {device.stream != nullptr ? device.stream : gpu::compute_stream()};
}

}  // namespace

Device gpu::device_named(const std::string& name) {
  const bool automatic = name == "auto";
  const std::string why_not = why_unusable();
  if (automatic && !why_not.empty()) log_info("device: auto takes the cpu, because {}", why_not);
  if (automatic && (!why_not.empty() || !is_fast())) return Cpu{};
  WEFT_CHECK(why_not.empty(), "device: 'cuda' given, but {}; use cpu or auto", why_not);
  return Cuda{compute_stream()};
}

Device detail::with_stream(const Device& device) {
  const Cuda* cuda = std::get_if<Cuda>(&device);
  return cuda == nullptr ? device : Device{on_stream(*cuda)};
}

void detail::wait_for(Cuda device) { gpu::synchronize(on_stream(device).stream); }

void* detail::allocate(Cuda device, i64 bytes) {
  const StreamHandle stream = on_stream(device).stream;
  void* block = gpu::allocator().allocate(stream, bytes);
  if (block != nullptr && poisoning()) gpu::set_bytes(stream, block, 0xff, bytes);
  return block;
}
void detail::deallocate(Cuda device, void* block, i64 bytes) noexcept {
  gpu::allocator().deallocate(on_stream(device).stream, block, bytes);
}
AllocatorCounters detail::counters(Cuda) { return gpu::allocator().counters(); }
void detail::reset_peak(Cuda) { gpu::allocator().reset_peak(); }
void detail::release_cached(Cuda) { gpu::allocator().release_cached(); }

}  // namespace weft
