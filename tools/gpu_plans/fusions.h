// SPDX-License-Identifier: Apache-2.0
// What cuDNN would compute of a batch norm together with a convolution.
#pragma once
#include <iosfwd>
#include <vector>

#include "weft/tools/gpu_plans/gpus.h"
#include "weft/tools/gpu_plans/questions.h"

namespace weft::gpu_plans {

// Asks each GPU for the fusions of the convolutions beside a batch norm, and prints a line for each
// and counts. Every answer is right, because weft computes the parts one by one. The short form
// asks about one convolution with both fusions. `all` gets a row for each question, if it is open.
// Returns the number of questions.
i64 print_fusions(const std::vector<Gpu>& gpus, const std::vector<Convolution>& convolutions,
                  bool is_short, std::ofstream& all);

}  // namespace weft::gpu_plans
