// SPDX-License-Identifier: Apache-2.0
// The emulated launch (device/launch.h): the kernel is an ordinary function, called once per thread
// of the grid.
#pragma once
#include <functional>
#include <tuple>

#include "weft/device/device.h"
#include "weft/device/emulated/pointers.h"
#include "weft/device/launch_record.h"

namespace weft::detail {

void launch_emulated(const LaunchRecord& record, StreamHandle stream,
                     std::function<void()> call_kernel);

// Throws InternalError for host memory (Note [Device memory apart]).
void check_pointer(const LaunchRecord& record, const void* argument);

// Constructed before main() for each kernel that the program can launch.
struct KnownKernel {
  explicit KnownKernel(std::string_view name);
};
template <auto Kernel>
inline const KnownKernel known_kernel{kernel_name<Kernel>()};

template <auto Kernel, class Tuple>
void launch_kernel(const LaunchRecord& record, StreamHandle stream, const Tuple& arguments) {
  static_cast<void>(known_kernel<Kernel>);
  const auto check = [&](const auto& argument) {
    each_pointer(argument, [&](const void* pointer) { check_pointer(record, pointer); });
  };
  std::apply([&](const auto&... argument) { (check(argument), ...); }, arguments);
  launch_emulated(record, stream, [arguments] { std::apply(Kernel, arguments); });
}

}  // namespace weft::detail
