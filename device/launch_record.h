// SPDX-License-Identifier: Apache-2.0
// Declarations that device/launch.h and its two implementations share.
#pragma once
#include <string_view>
#include <tuple>
#include <type_traits>

#include "weft/core/types.h"
#include "weft/device/call_site.h"

#if defined(__CUDACC__) || defined(WEFT_REAL_DEVICE)
#include <cuda_runtime.h>
#else
#include "weft/device/simt/types.h"
#endif

namespace weft {

// Describes a launch, for messages and for the emulated device's queue.
struct LaunchRecord {
  std::string_view kernel;
  dim3 grid, block;
  std::size_t smem;
  CallSite caller;
};

namespace detail {

template <auto Kernel>
constexpr std::string_view kernel_name() {
  // g++ "… [with auto Kernel = name; …]", clang and nvcc "… [Kernel = name]"
  std::string_view text = __PRETTY_FUNCTION__;
  const auto begin = text.find("Kernel = ");
  if (begin == std::string_view::npos) return text;
  text.remove_prefix(begin + 9);
  const auto end = text.find("; std::string_view");
  text = text.substr(0, end == std::string_view::npos ? text.size() - 1 : end);
  if (text.starts_with('&')) text.remove_prefix(1);
  return text;
}

template <class T>
struct KernelParameters;
template <class... P>
struct KernelParameters<void (*)(P...)> {
  using Tuple = std::tuple<P...>;
  static constexpr bool kTriviallyCopyable = (std::is_trivially_copyable_v<P> && ...);
  template <class... A>
  static constexpr bool accepts() {
    if constexpr (sizeof...(A) != sizeof...(P)) return false;
    else return (std::is_convertible_v<A, P> && ...);
  }
};

}  // namespace detail
}  // namespace weft
