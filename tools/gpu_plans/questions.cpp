// SPDX-License-Identifier: Apache-2.0
#include "weft/tools/gpu_plans/questions.h"

#include <fstream>
#include <sstream>

#include "weft/core/error.h"

namespace weft::gpu_plans {

using kernels::Conv2dShape;

namespace {

// The shape with the size of its output.
Conv2dShape completed(Conv2dShape s) {
  const auto out = [](i64 in, i64 kernel, i64 stride, i64 padding, i64 dilation) {
    return (in + 2 * padding - (kernel - 1) * dilation - 1) / stride + 1;
  };
  s.out_height = out(s.height, s.kernel.h, s.stride.h, s.padding.h, s.dilation.h);
  s.out_width = out(s.width, s.kernel.w, s.stride.w, s.padding.w, s.dilation.w);
  return s;
}

}  // namespace

std::vector<Convolution> model_convolutions(const std::string& path) {
  std::ifstream file(path);
  WEFT_CHECK(file.is_open(), "gpu-plans: {} cannot be read; the list of convolutions is required",
             path);
  std::vector<Convolution> all;
  std::string line;
  for (i64 number = 1; std::getline(file, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream fields(line);
    Convolution c;
    Conv2dShape& s = c.shape;
    i64 kernel = 0, stride = 0;
    std::string norm;
    fields >> c.config >> s.batch >> s.height >> s.width >> s.channels >> s.out_channels >>
        kernel >> stride >> norm;
    c.norm_before = norm == "both";
    c.norm_after = c.norm_before || norm == "after";
    WEFT_CHECK(!fields.fail() && s.batch > 0 && kernel > 0 && stride > 0 &&
                   (c.norm_after || norm == "none"),
               "gpu-plans: line {} of {} given; a config, 7 integers, and none, after or both are "
               "required",
               number, path);
    s.kernel = {kernel, kernel};
    s.stride = {stride, stride};
    s.padding = {(kernel - 1) / 2, (kernel - 1) / 2};
    s = completed(s);
    all.push_back(c);
  }
  return all;
}

std::vector<Convolution> grid_of_convolutions() {
  struct Channels {
    i64 in, out, groups;
  };
  constexpr Channels kChannels[] = {{1, 32, 1},   {2, 16, 1},   {3, 64, 1},   {64, 64, 1},
                                    {5, 7, 1},    {33, 17, 1},  {64, 128, 4}, {6, 9, 3},
                                    {64, 64, 64}, {33, 33, 33}, {32, 64, 32}};
  std::vector<Convolution> all;
  for (const auto& [in, out, groups] : kChannels)
    for (i64 kernel = 1; kernel <= 7; ++kernel)
      for (const i64 stride : {1, 2})
        for (const i64 dilation : {1, 2})
          all.push_back({"", completed({.batch = 16,
                                        .height = 28,
                                        .width = 28,
                                        .channels = in,
                                        .out_channels = out,
                                        .kernel = {kernel, kernel},
                                        .stride = {stride, stride},
                                        .padding = {kernel / 2, kernel / 2},
                                        .dilation = {dilation, dilation},
                                        .groups = groups})});
  return all;
}

kernels::Conv2dProblem problem_of(const Conv2dShape& shape, kernels::Conv2dType type,
                                  kernels::Conv2dDirection direction, bool with_epilogue) {
  // Half operands give float in a run, and weft adds the bias to that.
  const bool fuses = with_epilogue && direction == kernels::Conv2dDirection::forward &&
                     (type == kernels::Conv2dType::f32 || type == kernels::Conv2dType::f64);
  return {
      .direction = direction,
      .type = type,
      .result_type = type,
      .has_bias = fuses ? 1 : 0,
      .activation = static_cast<i64>(fuses ? kernels::Activation::relu : kernels::Activation::none),
      .shape = std::bit_cast<std::array<i64, 16>>(shape)};
}

bool is_refusal_expected(i64 capability, kernels::Conv2dType type) {
  return type == kernels::Conv2dType::bf16 && capability < 80;
}

}  // namespace weft::gpu_plans
