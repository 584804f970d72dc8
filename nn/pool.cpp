// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/pool.h"

#include "weft/autograd/ops.h"

namespace weft::nn {
namespace {
std::string label_of(const char* name, const Pool2dOptions& o) {
  return fmt::format("{}({}×{})", name, o.kernel.h, o.kernel.w);
}
}  // namespace

Variable MaxPool2d::forward(const Variable& x) { return max_pool2d(x, options_); }
std::string MaxPool2d::label() const { return label_of("MaxPool2d", options_); }

Variable AvgPool2d::forward(const Variable& x) { return avg_pool2d(x, options_); }
std::string AvgPool2d::label() const { return label_of("AvgPool2d", options_); }

Variable GlobalAvgPool::forward(const Variable& x) { return global_avg_pool(x); }

}  // namespace weft::nn
