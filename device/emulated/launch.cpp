// SPDX-License-Identifier: Apache-2.0
#include "weft/device/emulated/launch.h"

#include <string>

#include "weft/device/emulated/kernels.h"
#include "weft/device/simt/simt.h"

namespace weft {
namespace {

// Never destroyed: filled before main(), in any order.
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

void launch_emulated(const LaunchRecord& record, StreamHandle, std::function<void()> call_kernel) {
  ++launch_counts().find(record.kernel)->second;
  try {
    simt::run_grid({record.grid, record.block, record.smem}, record.kernel, call_kernel);
  } catch (const simt::KernelError& error) {
    throw simt::KernelError(
        error.fault(), std::string(error.what()) + " (launched at " + text_of(record.caller) + ")");
  }
}

}  // namespace detail
}  // namespace weft
