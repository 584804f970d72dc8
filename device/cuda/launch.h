// SPDX-License-Identifier: Apache-2.0
// The real launch (device/launch.h), for sources compiled by nvcc.
#pragma once
#include <cuda_runtime.h>

#include "weft/device/device.h"
#include "weft/device/launch_record.h"

namespace weft::detail {

// Records the launch for the message of an error that is reported later.
void note_launch(const LaunchRecord& record);
// Throws InternalError for the kernel named in `record`; `error` is a cudaError_t.
[[noreturn]] void throw_launch_error(const LaunchRecord& record, int error);

template <auto Kernel, class Tuple>
void launch_kernel(const LaunchRecord& record, StreamHandle stream, const Tuple& arguments) {
  cudaLaunchConfig_t config{};
  config.gridDim = record.grid;
  config.blockDim = record.block;
  config.dynamicSmemBytes = record.smem;
  config.stream = stream;
  cudaError_t error = cudaSuccess;
  // A kernel must request more than 48 KiB of dynamic shared memory explicitly.
  if (record.smem > std::size_t{48} * 1024)
    error = cudaFuncSetAttribute(Kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                                 static_cast<int>(record.smem));
  if (error == cudaSuccess)
    error = std::apply(
        [&](const auto&... argument) { return cudaLaunchKernelEx(&config, Kernel, argument...); },
        arguments);
  if (error != cudaSuccess) throw_launch_error(record, error);
  note_launch(record);
}

}  // namespace weft::detail
