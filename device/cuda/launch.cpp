// SPDX-License-Identifier: Apache-2.0
#include "weft/device/cuda/launch.h"

#include "weft/core/error.h"
#include "weft/device/cuda/check.h"

namespace weft {
namespace {

struct LastLaunch {
  std::string kernel;
  dim3 grid, block;
  CallSite caller;
};
thread_local LastLaunch last_launch;

std::string text_of(const dim3& v) {
  return "(" + std::to_string(v.x) + "," + std::to_string(v.y) + "," + std::to_string(v.z) + ")";
}
std::string text_of(const std::string& kernel, const dim3& grid, const dim3& block,
                    const CallSite& caller) {
  return "kernel " + kernel + " with a grid of " + text_of(grid) + " blocks of " + text_of(block) +
         " threads, launched at " + weft::text_of(caller);
}

}  // namespace

void detail::note_launch(const LaunchRecord& record) {
  last_launch.kernel.assign(record.kernel);  // reuses the string's memory
  last_launch.grid = record.grid;
  last_launch.block = record.block;
  last_launch.caller = record.caller;
}

void detail::throw_launch_error(const LaunchRecord& record, int error) {
  throw InternalError(
      "launch: " + text_of(std::string(record.kernel), record.grid, record.block, record.caller) +
      ", " + std::to_string(record.smem) +
      " bytes of dynamic shared memory: " + cudaGetErrorString(static_cast<cudaError_t>(error)));
}

void gpu::check(cudaError_t error, const char* what) {
  if (error == cudaSuccess) return;
  std::string text = std::string(what) + ": " + cudaGetErrorString(error);
  if (!last_launch.kernel.empty())
    text += "; the last launch was of " +
            text_of(last_launch.kernel, last_launch.grid, last_launch.block, last_launch.caller);
  throw InternalError(text);
}

}  // namespace weft
