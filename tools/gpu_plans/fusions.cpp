// SPDX-License-Identifier: Apache-2.0
#include "weft/tools/gpu_plans/fusions.h"

#include <array>
#include <fstream>

#include <fmt/format.h>

namespace weft::gpu_plans {
namespace {

using kernels::Conv2dFusion, kernels::Conv2dType;

struct NamedFusion {
  const char* name;
  Conv2dFusion fusion;
};
constexpr std::array<NamedFusion, 3> kFusions{
    {{"statistics", {.scale_shift_relu = false, .statistics = true}},
     {"scale-shift-relu", {.scale_shift_relu = true, .statistics = false}},
     {"both", {.scale_shift_relu = true, .statistics = true}}}};
constexpr std::array<Conv2dType, 3> kFusedTypes{Conv2dType::f16, Conv2dType::bf16, Conv2dType::f32};

bool is_beside(const Conv2dFusion& fusion, const Convolution& c) {
  return (c.norm_after || !fusion.statistics) && (c.norm_before || !fusion.scale_shift_relu);
}

// The plans of one fusion and type.
struct FusionCount {
  i64 asked = 0;             // of each GPU
  std::vector<i64> planned;  // by each GPU
};

// Asks each GPU, prints a line and counts.
void ask_for(const NamedFusion& named, Conv2dType type, const Convolution& convolution,
             const std::vector<Gpu>& gpus, std::ofstream& all, FusionCount& count) {
  const auto problem =
      problem_of(convolution.shape, type, kernels::Conv2dDirection::forward, false);
  const std::string shape = shape_text(convolution.shape);
  std::string line = fmt::format("{:40} {:5} {:16}", shape, name_of(type), named.name);
  ++count.asked;
  count.planned.resize(gpus.size());
  for (std::size_t i = 0; i < gpus.size(); ++i) {
    const auto answer = kernels::best_conv2d_plan(gpus[i].asked, problem, named.fusion);
    const bool is_planned = answer.plan != nullptr;
    const auto choice = is_planned ? answer.plan->choice() : kernels::Conv2dChoice{};
    const std::string notes = is_planned ? answer.plan->notes() : "";
    count.planned[i] += is_planned ? 1 : 0;
    line += fmt::format("{:>12}",
                        is_planned ? plan_text(choice.engine, choice.workspace_bytes, notes) : "-");
    if (all.is_open())
      all << fmt::format("{}\t{}\t{}\tforward, {}\t{}\t{}\t{}\tcuDNN\t{}\t{}\n", gpus[i].name,
                         convolution.config, name_of(type), named.name, shape, choice.engine,
                         choice.workspace_bytes, notes, answer.refusal);
  }
  fmt::print("{}\n", line);
}

}  // namespace

i64 print_fusions(const std::vector<Gpu>& gpus, const std::vector<Convolution>& convolutions,
                  bool is_short, std::ofstream& all) {
  std::string heading = fmt::format("{:63}", "");
  for (const Gpu& gpu : gpus) heading += fmt::format("{:>12}", gpu.short_name);
  fmt::print("\nFor information, batch norm in the convolution beside it (-: no plan)\n\n{}\n",
             heading);
  std::array<std::array<FusionCount, kFusions.size()>, kFusedTypes.size()> counts;
  for (const Convolution& convolution : convolutions) {
    if (is_short && !convolution.norm_before) continue;
    for (std::size_t t = 0; t < kFusedTypes.size(); ++t)
      for (std::size_t f = 0; f < kFusions.size(); ++f)
        if (is_beside(kFusions[f].fusion, convolution))
          ask_for(kFusions[f], kFusedTypes[t], convolution, gpus, all, counts[t][f]);
    if (is_short) break;
  }
  fmt::print("\n{}\n", heading);
  i64 asked = 0;
  for (std::size_t t = 0; t < kFusedTypes.size(); ++t)
    for (std::size_t f = 0; f < kFusions.size(); ++f) {
      const FusionCount& count = counts[t][f];
      std::string line =
          fmt::format("{:40} {:5} {:16}", "plans", name_of(kFusedTypes[t]), kFusions[f].name);
      for (const i64 planned : count.planned)
        line += fmt::format("{:>12}", fmt::format("{} of {}", planned, count.asked));
      fmt::print("{}\n", line);
      asked += count.asked * static_cast<i64>(gpus.size());
    }
  return asked;
}

}  // namespace weft::gpu_plans
