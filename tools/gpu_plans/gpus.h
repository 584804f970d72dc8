// SPDX-License-Identifier: Apache-2.0
// The GPUs that `./run gpu-plans` asks cuDNN about, and words for its tables.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "weft/kernels/library/conv2d_graph.h"

namespace weft::gpu_plans {

struct Gpu {
  std::string name, short_name;
  i64 capability = 0;  // 75 for 7.5
  kernels::Conv2dGpu asked;
};

// The GPUs that the files of a folder describe, by their compute capability. Throws UserError if
// there is none, or a file describes none.
std::vector<Gpu> read_gpus(const std::filesystem::path& folder);

std::string bytes_text(i64 bytes);
// "(batch, height, width, channels) -> channels, 3×3", and what is unusual.
std::string shape_text(const kernels::Conv2dShape& shape);
// Whether what cuDNN says of an engine has these words.
bool has_note(const std::string& notes, const char* words);
// "engine workspace", with a t after the engine if it uses tensor cores.
std::string plan_text(i64 engine, i64 workspace_bytes, const std::string& notes);

}  // namespace weft::gpu_plans
