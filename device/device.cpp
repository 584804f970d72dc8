// SPDX-License-Identifier: Apache-2.0
#include "weft/device/device.h"

#include "weft/core/error.h"

namespace weft {

std::string name_of(const Device&) { return "cpu"; }

Device device_named(const std::string& name) {
  if (name == "cpu" || name == "auto") return Cpu{};
  WEFT_CHECK(name != "cuda",
             "device: 'cuda' given; this build of weft has no CUDA, use cpu or auto");
  fail("device: '{}' given; known: auto, cpu", name);
}

void synchronize(const Device&) {}

}  // namespace weft
