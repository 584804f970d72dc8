// SPDX-License-Identifier: Apache-2.0
#include "weft/tools/gpu_plans/gpus.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "weft/core/error.h"

namespace weft::gpu_plans {

std::vector<Gpu> read_gpus(const std::filesystem::path& folder) {
  std::vector<Gpu> gpus;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream file(entry.path());
    const std::string text((std::istreambuf_iterator<char>(file)), {});
    const std::string file_name = entry.path().string();
    try {
      const auto json = nlohmann::json::parse(text);
      gpus.push_back({json.at("deviceName"), entry.path().stem().string(),
                      json.at("deviceVer").get<i64>() / 10,
                      kernels::Conv2dGpu::described(text, file_name)});
    } catch (const nlohmann::json::exception& error) {
      fail("{}: no description of a GPU ({}); JSON with deviceName and deviceVer is required",
           file_name, error.what());
    }
  }
  WEFT_CHECK(!gpus.empty(), "gpu_plans: {} has no description of a GPU (*.json)", folder.string());
  std::sort(gpus.begin(), gpus.end(),
            [](const Gpu& a, const Gpu& b) { return a.capability < b.capability; });
  return gpus;
}

std::string bytes_text(i64 bytes) {
  if (bytes < 1000) return fmt::format("{} B", bytes);
  if (bytes < 1'000'000) return fmt::format("{} kB", bytes / 1000);
  return fmt::format("{} MB", bytes / 1'000'000);
}

std::string shape_text(const kernels::Conv2dShape& s) {
  std::string text = fmt::format("({}, {}, {}, {}) -> {}, {}×{}", s.batch, s.height, s.width,
                                 s.channels, s.out_channels, s.kernel.h, s.kernel.w);
  if (s.stride.h != 1) text += fmt::format(", stride {}", s.stride.h);
  if (s.dilation.h != 1) text += fmt::format(", dilation {}", s.dilation.h);
  if (s.groups != 1) text += fmt::format(", {} groups", s.groups);
  return text;
}

bool has_note(const std::string& notes, const char* words) {
  return notes.find(words) != std::string::npos;
}

std::string plan_text(i64 engine, i64 workspace_bytes, const std::string& notes) {
  return fmt::format("{}{} {}", engine, has_note(notes, "tensor cores") ? "t" : "",
                     bytes_text(workspace_bytes));
}

}  // namespace weft::gpu_plans
