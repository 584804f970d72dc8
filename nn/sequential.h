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
  void settle_file_layout(std::size_t i, const Shape& flattened);

  std::vector<AnyModule> modules_;
  // Flattens, and the Linear behind each whose file layout is not settled (Note [Flatten and file layout]).
  struct Unsettled {
    std::size_t flatten, linear;
  };
  std::vector<Unsettled> unsettled_;
};

// (batch, …) → (batch, rest).
//
// Note [Flatten and file layout]
// Weft's images are (h, w, c) and PyTorch's (c, h, w), so the inputs of a Linear behind a Flatten stand
// in another order in a file. A Sequential tells such a Linear the image's size on the first forward
// pass; until then its weight refuses to be saved or loaded.
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
