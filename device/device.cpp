// SPDX-License-Identifier: Apache-2.0
#include "weft/device/device.h"

#include "weft/core/error.h"
#include "weft/device/backend.h"
#include "weft/device/gpu/gpu.h"

namespace weft {
std::string name_of(const Device& device) {
  return std::visit([](auto d) -> std::string { return d.kName; }, device);
}

Device device_named(const std::string& name) {
  if (name == "cpu") return Cpu{};
  if constexpr (kHasCuda) {
    if (name == "auto" || name == "cuda") return gpu::device_named(name);
    fail("device: '{}' given; known: auto, cpu, cuda", name);
  } else {
    if (name == "auto") return Cpu{};
    WEFT_CHECK(name != "cuda",
               "device: 'cuda' given; this build of weft has no CUDA, use cpu or auto");
    fail("device: '{}' given; known: auto, cpu", name);
  }
}

std::string devices_text() {
  if constexpr (kHasCuda) {
    const std::string why_not = gpu::why_unusable();
    return "cpu, cuda (" + (why_not.empty() ? gpu::description() : "not usable: " + why_not) + ")";
  } else {
    return "cpu (built without CUDA)";
  }
}

void synchronize(const Device& device) {
  std::visit([](auto d) { detail::wait_for(d); }, device);
}

}  // namespace weft
