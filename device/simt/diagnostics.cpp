// SPDX-License-Identifier: Apache-2.0
// The text in messages that says which thread was at which place.
#include <algorithm>
#include <cstdio>

#include "weft/device/simt/machine.h"

namespace weft::simt {

std::string text_of(uint3 v) {
  return "(" + std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z) + ")";
}

std::string kernel_and_block() {
  return "kernel " + std::string(machine.launch.name) + ", block " + text_of(blockIdx);
}

std::string where() {
  if (machine.launch.name.empty()) return "host code";
  return kernel_and_block() +
         (machine.running != nullptr ? ", thread " + text_of(machine.running->thread) : "");
}

namespace {

std::string state_text(const Fiber& fiber) {
  switch (fiber.state) {
    case State::ready: return "runnable";
    case State::at_barrier: return "wait in __syncthreads at " + weft::text_of(fiber.site);
    case State::exited: return "exited the kernel";
    case State::in_warp_operation: break;
  }
  char mask[16];
  std::snprintf(mask, sizeof mask, "0x%08x", fiber.mask);
  return std::string("wait in ") + name_of(fiber.operation) + " (mask " + mask + ") at " +
         weft::text_of(fiber.site);
}

}  // namespace

std::string who_waits_where() {
  struct Group {
    std::string text;
    unsigned count;
    uint3 first;
  };
  std::vector<Group> groups;
  for (unsigned i = 0; i < machine.threads; ++i) {
    const Fiber& fiber = machine.fibers[i];
    const std::string text = state_text(fiber);
    const auto found = std::find_if(groups.begin(), groups.end(),
                                    [&](const Group& group) { return group.text == text; });
    if (found == groups.end()) groups.push_back({text, 1, fiber.thread});
    else ++found->count;
  }
  std::string text;
  for (const Group& group : groups)
    text += "\n    " + std::to_string(group.count) + " thread(s) " + group.text +
            ", first: thread " + text_of(group.first);
  return text;
}

}  // namespace weft::simt
