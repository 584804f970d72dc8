// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// Modules that run one after the other. They are named "0", "1", …, as in PyTorch. If a module can
// compute the activation that follows it, the two run as one op. So do a BatchNorm that takes the
// statistics of the batch, the ReLU that may follow, and a MaxPool2d of 2 × 2 pixels, unless
// outputs are observed.
class Sequential : public Module {
 public:
  Sequential() = default;
  template <class... M>
  requires(sizeof...(M) > 0 && (std::is_base_of_v<Module, std::decay_t<M>> && ...) &&
           !(sizeof...(M) == 1 && (std::is_same_v<std::decay_t<M>, Sequential> &&
                                   ...))) explicit Sequential(M&&... modules) {
    (push(std::forward<M>(modules)), ...);
  }

  Sequential& push(AnyModule module);
  std::size_t size() const { return modules_.size(); }
  Module& operator[](std::size_t i) { return *modules_[i]; }

  void parts(Parts& p) override { p("", modules_); }
  Variable forward(const Variable& x) override;
  std::string label() const override { return "Sequential"; }

 private:
  FileLayout layout_behind(std::size_t flatten, i64 inputs);
  std::size_t normalise_and_pool(std::size_t i, Variable& y);
  std::vector<AnyModule> modules_;
};

// Flattens all axes but the first: (batch, …) → (batch, rest).
//
// Note [Flatten and file layout]
// Images are (h, w, c) in weft and (c, h, w) in PyTorch, so the inputs of a Linear after a Flatten
// have another order in a file. A flattened tensor records the image that it was (flat_image_of),
// and activations and dropout keep that record. The first Linear after the Flatten fixes its file
// layout when it first runs.
// In a Sequential that has a Flatten before the Linear, the layout is known earlier in two cases:
// if a convolution before the Flatten shows the number of channels, or if the weights are loaded
// from a file of save(), whose metadata names the layouts. Otherwise the weight cannot be saved or
// loaded before the first run.
// Outside such a Sequential the weight can be saved and loaded before the first run, in the order
// that it has in memory. If the input then turns out to be a flattened image, it is refused.
class Flatten : public Module {
 public:
  Variable forward(const Variable& x) override;
  std::string label() const override { return "Flatten"; }
};

class Identity : public Module {
 public:
  Variable forward(const Variable& x) override { return x; }
  std::string label() const override { return "Identity"; }
};

}  // namespace weft::nn
