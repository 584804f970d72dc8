// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/sequential.h"

#include "weft/autograd/ops.h"
#include "weft/nn/linear.h"

namespace weft::nn {

Sequential& Sequential::push(AnyModule module) {
  modules_.push_back(std::move(module));
  auto* linear = dynamic_cast<Linear*>(&*modules_.back());
  if (linear == nullptr) return *this;
  // The inputs come in the order of a Flatten before it if nothing with parameters stands between:
  // dropout and activations keep the order.
  for (std::size_t i = modules_.size() - 1; i-- > 0;) {
    if (dynamic_cast<Flatten*>(&*modules_[i]) != nullptr)
      linear->weight.set_file_layout({.kind = FileLayout::Kind::unknown});
    if (!modules_[i]->named_parameters().empty()) break;
  }
  return *this;
}

Variable Sequential::forward(const Variable& x) {
  Variable y = x;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    Module& module = *modules_[i];
    const kernels::Activation next =
        i + 1 < modules_.size() ? modules_[i + 1]->activation() : kernels::Activation::none;
    if (next != kernels::Activation::none && module.fuses(next)) {
      y = module.fused(y, next);
      ++i;
      if (output_observer() != nullptr) output_observer()->on_output(*modules_[i], y);
    } else {
      y = module(y);
    }
  }
  return y;
}

Variable Flatten::forward(const Variable& x) { return flatten(x); }

}  // namespace weft::nn
