// SPDX-License-Identifier: Apache-2.0
// Launches a kernel. No other code does.
//
//   launch<row_softmax<float>>({.grid = rows, .block = 128, .stream = cuda.stream}, y, x, cols);
//
// The arguments must convert to the kernel's parameters, which must be trivially copyable; the
// compiler checks both at the call. A grid without blocks does nothing. Errors name the kernel, the
// grid, the block and the line of the call.
#pragma once
#include <utility>

#include "weft/device/device.h"
#include "weft/device/launch_record.h"

namespace weft {

struct LaunchConfig {
  dim3 grid = dim3(1);
  dim3 block = dim3(1);
  std::size_t smem = 0;  // bytes of dynamic_shared()
  StreamHandle stream = nullptr;
  CallSite caller = CallSite::here();
};

}  // namespace weft

#ifdef __CUDACC__
#include "weft/device/cuda/launch.h"
#else
#include "weft/device/emulated/launch.h"
#endif

namespace weft {

template <auto Kernel, class... A>
requires(detail::KernelParameters<decltype(Kernel)>::template accepts<A...>()) void launch(
    const LaunchConfig& config, A&&... arguments) {
  using Parameters = detail::KernelParameters<decltype(Kernel)>;
  static_assert(Parameters::kTriviallyCopyable, "a kernel's parameters must be trivially copyable");
  const LaunchRecord record{detail::kernel_name<Kernel>(), config.grid, config.block, config.smem,
                            config.caller};
  if (u64{config.grid.x} * config.grid.y * config.grid.z == 0) return;
  detail::launch_kernel<Kernel>(record, config.stream,
                                typename Parameters::Tuple(std::forward<A>(arguments)...));
}

}  // namespace weft
