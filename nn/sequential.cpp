// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/sequential.h"

#include <typeinfo>

#include "weft/autograd/ops.h"
#include "weft/nn/batch_norm.h"
#include "weft/nn/conv2d.h"
#include "weft/nn/dropout.h"
#include "weft/nn/layer.h"
#include "weft/nn/linear.h"
#include "weft/nn/pool.h"

namespace weft::nn {
namespace {

// Whether the output images of a module have as many channels as its input.
bool keeps_channels(Module& module) {
  return module.activation() != kernels::Activation::none ||
         dynamic_cast<Identity*>(&module) != nullptr ||
         dynamic_cast<Dropout*>(&module) != nullptr ||
         dynamic_cast<MaxPool2d*>(&module) != nullptr ||
         dynamic_cast<AvgPool2d*>(&module) != nullptr ||
         dynamic_cast<BatchNorm*>(&module) != nullptr;
}

// The module, if it is an M and of no class derived from M, whose forward() may be another.
template <class M>
M* exactly(Module& module) {
  return typeid(module) == typeid(M) ? static_cast<M*>(&module) : nullptr;
}

}  // namespace

// The file layout of the weight of a Linear after the Flatten at `flatten`. It is known if a
// convolution before the Flatten shows the number of channels of the image, and unknown until the
// first sample otherwise.
FileLayout Sequential::layout_behind(std::size_t flatten, i64 inputs) {
  for (std::size_t i = flatten; i-- > 0;) {
    Module& module = *modules_[i];
    if (const auto* convolution = dynamic_cast<Conv2d*>(&module)) {
      const i64 channels = convolution->weight.value().size(0), pixels = inputs / channels;
      if (inputs % channels != 0) break;  // the layout is unknown until the first sample
      if (channels == 1 || pixels == 1) return {};
      return {FileLayout::Kind::flattened_image, {pixels, 1, channels}};
    }
    if (!keeps_channels(module)) break;
  }
  return {.kind = FileLayout::Kind::unknown};
}

Sequential& Sequential::push(AnyModule module) {
  modules_.push_back(std::move(module));
  auto* linear = dynamic_cast<Linear*>(&*modules_.back());
  if (linear == nullptr) return *this;
  // The inputs of the Linear have the order of a Flatten before it if no module with parameters is
  // between them; dropout and activations keep the order.
  for (std::size_t i = modules_.size() - 1; i-- > 0;) {
    if (dynamic_cast<Flatten*>(&*modules_[i]) != nullptr)
      linear->weight.set_file_layout(layout_behind(i, linear->weight.value().size(1)));
    if (!modules_[i]->named_parameters().empty()) break;
  }
  return *this;
}

// Computes a BatchNorm at i, the relu that may follow and a MaxPool2d in one op, and returns the
// index of the last of them. Returns i, and computes nothing, if the modules are others. Whoever
// observes the output of each module gets all of them.
std::size_t Sequential::normalise_and_pool(std::size_t i, Variable& y) {
  auto* norm = exactly<BatchNorm>(*modules_[i]);
  if (norm == nullptr || i + 1 >= modules_.size() || output_observer() != nullptr) return i;
  const bool relu = modules_[i + 1]->activation() == kernels::Activation::relu;
  const std::size_t last = i + (relu ? 2 : 1);
  const auto* pool = last < modules_.size() ? exactly<MaxPool2d>(*modules_[last]) : nullptr;
  if (pool == nullptr || !pool->tiles_by_2() || !norm->pools(y)) return i;
  y = norm->pooled(y, relu);
  return last;
}

Variable Sequential::forward(const Variable& x) {
  Variable y = x;
  for (std::size_t i = 0; i < modules_.size(); ++i) {
    if (const std::size_t last = normalise_and_pool(i, y); last != i) {
      i = last;
      continue;
    }
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

namespace {

AnyModule make_flatten(const NoOptions&, const LayerInput&) { return Flatten{}; }
AnyModule make_identity(const NoOptions&, const LayerInput&) { return Identity{}; }

const bool registered = Registry<Layer>::add<NoOptions>("flatten", make_flatten) &&
                        Registry<Layer>::add<NoOptions>("identity", make_identity);

}  // namespace

}  // namespace weft::nn
