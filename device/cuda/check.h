// SPDX-License-Identifier: Apache-2.0
// Checks the errors of CUDA's runtime. Inside device/cuda only.
#pragma once
#include <cuda_runtime_api.h>

#include "weft/device/launch_record.h"

namespace weft::gpu {

// Throws InternalError: "<what>: <CUDA's words>", with the last launch of this thread. If the error
// comes from earlier work, that launch is the first suspect.
void check(cudaError_t error, const char* what);

}  // namespace weft::gpu
