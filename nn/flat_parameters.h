// SPDX-License-Identifier: Apache-2.0
// Note [Flat parameters]
// The parameters of a model lie in one buffer, in the order of named_parameters(), and never move.
// Optimizers, norms and checkpoints then work on a buffer and a small table instead of a list of
// tensors. Gradients exist for the parameters that want one, in a buffer of their own that is laid
// out again when requires_grad changes; layout_version() counts that, for holders of pointers.
#pragma once
#include "weft/nn/parameter.h"

namespace weft::nn {

class FlatParameters {
 public:
  // A parameter's place: elements [offset, offset + length) of values(). Offsets are multiples of
  // 16; the gaps hold zeros.
  struct Segment {
    std::string name;
    std::shared_ptr<Leaf> leaf;
    i64 offset = 0;
    i64 length = 0;
    i64 gradient_offset = -1;  // into gradients(); −1 without a gradient
  };

  // Moves the parameters' values into one buffer; the leaves point into it from now on. All must
  // share dtype and device (UserError).
  explicit FlatParameters(const NamedParameters& parameters);

  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  const std::vector<Segment>& segments() const { return segments_; }
  u64 layout_version() const { return layout_version_; }

  // Gives each parameter with requires_grad a place in gradients(), in order, and takes it from the
  // others. Gradients start as absent.
  void lay_gradients();
  // Marks all gradients as absent: the next backward pass writes instead of adding.
  void zero_grad() const;

 private:
  Tensor values_, gradients_;
  std::vector<Segment> segments_;
  u64 layout_version_ = 0;
};

}  // namespace weft::nn
