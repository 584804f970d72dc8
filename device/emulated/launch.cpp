// SPDX-License-Identifier: Apache-2.0
#include "weft/device/emulated/launch.h"

#include <string>
#include <utility>

#include "weft/core/error.h"
#include "weft/device/emulated/kernels.h"
#include "weft/device/emulated/memory.h"
#include "weft/device/emulated/stream.h"
#include "weft/device/gpu/gpu.h"
#include "weft/device/simt/simt.h"

namespace weft {
namespace {

// The map is never destroyed, because it is filled before main() in any order.
std::map<std::string, i64, std::less<>>& launch_counts() {
  static auto* counts = new std::map<std::string, i64, std::less<>>;
  return *counts;
}

}  // namespace

const std::map<std::string, i64, std::less<>>& emulated_kernel_launches() {
  return launch_counts();
}

namespace detail {

KnownKernel::KnownKernel(std::string_view name) { launch_counts().try_emplace(std::string(name)); }

namespace {

template <class Call>
void naming_caller(const std::string& caller, const Call& call) {
  try {
    call();
  } catch (const simt::KernelError& error) {
    throw simt::KernelError(error.fault(),
                            std::string(error.what()) + " (launched at " + caller + ")");
  }
}

}  // namespace

void check_pointer(const LaunchRecord& record, const void* argument) {
  if (argument == nullptr) return;
  WEFT_ASSERT(emulated::is_device_memory(argument),
              "launch: kernel {} was given host memory at {}; memory of the device is required",
              record.kernel, text_of(record.caller));
}

void launch_emulated(const LaunchRecord& record, StreamHandle stream,
                     std::function<void()> call_kernel) {
  const simt::Grid grid{record.grid, record.block, record.smem};
  naming_caller(text_of(record.caller), [&] { simt::check_grid(grid, record.kernel); });
  const auto count = launch_counts().find(record.kernel);
  emulated::enqueue(
      stream, [=, kernel = record.kernel, caller = record.caller, call = std::move(call_kernel)] {
        ++count->second;
        naming_caller(text_of(caller), [&] { simt::run_grid(grid, kernel, call); });
      });
}

}  // namespace detail
}  // namespace weft
