// SPDX-License-Identifier: Apache-2.0
// The convolutions that `./run gpu-plans` puts to cuDNN.
#pragma once
#include <string>
#include <vector>

#include "weft/kernels/library/conv2d_plans.h"

namespace weft::gpu_plans {

struct Convolution {
  std::string config;  // that trains it, or empty for one of the grid
  kernels::Conv2dShape shape;
  bool norm_before = false;  // its input is relu(batch norm)
  bool norm_after = false;   // its output goes into batch norm
};

// The list in model_convolutions.txt. Throws UserError, naming the line, for a line that is none.
std::vector<Convolution> model_convolutions(const std::string& path);
// All combinations of kernels of 1 to 7, strides, dilations, groups (depthwise among them), and odd
// and few channels.
std::vector<Convolution> grid_of_convolutions();

// What the training asks of the library for a convolution. The direction forward has the epilogue
// of a layer with bias and relu, if with_epilogue.
kernels::Conv2dProblem problem_of(const kernels::Conv2dShape& shape, kernels::Conv2dType type,
                                  kernels::Conv2dDirection direction, bool with_epilogue);

// True if weft knows that the library has no plan: GPUs before the compute capability 8.0 do not
// compute bf16. `capability` is 75 for 7.5.
bool is_refusal_expected(i64 capability, kernels::Conv2dType type);

}  // namespace weft::gpu_plans
