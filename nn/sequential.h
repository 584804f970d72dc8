// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

// Modules one after the other, named "0", "1", …, as in PyTorch. Where a module can compute the
// activation that follows it, the two run as one op.
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
  std::vector<AnyModule> modules_;
};

// (batch, …) → (batch, rest).
//
// Note [Flatten and file layout]
// Weft's images are (h, w, c) and PyTorch's (c, h, w), so the inputs of a Linear behind a Flatten
// stand in another order in a file. The flattened tensor says what image it was
// (flat_image_of), activations and dropout hand that on, and the first Linear behind fixes
// its file layout when it first runs. Where a Sequential shows that a Flatten stands before it, the
// layout is known before that if a convolution shows the channels, or from a file that save()
// wrote, which names the layouts; otherwise the weight refuses to be saved or loaded until then.
// Elsewhere it may be, and a flattened image that comes later is refused.
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
