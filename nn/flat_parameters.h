// SPDX-License-Identifier: Apache-2.0
// Note [Flat parameters]
// The parameters of a model lie in one buffer, in the order of named_parameters(), and never move.
// Optimizers, norms and checkpoints then work on a buffer and a small table instead of a list of
// tensors. The gradients of the parameters with requires_grad lie in a second buffer, which is
// allocated again when requires_grad changes. layout_version() counts these allocations, for
// holders of pointers.
//
// The gradients are cut into buckets of whole parameters, in order. Processes that train one model
// exchange one bucket at a time.
#pragma once
#include <limits>
#include <vector>

#include "weft/nn/parameter.h"

namespace weft::nn {

class FlatParameters {
 public:
  // The place of a parameter: elements [offset, offset + length) of values(). Offsets are multiples
  // of 16, and the gaps hold zeros.
  struct Segment {
    std::string name;
    std::shared_ptr<Leaf> leaf;
    i64 offset = 0;
    i64 length = 0;
    i64 gradient_offset = -1;  // in gradients(); −1 without a gradient
  };

  // Elements [offset, offset + length) of gradients(), with the gradients of some parameters.
  struct Bucket {
    i64 offset = 0, length = 0;
    std::vector<std::size_t> segments = {};  // indices of segments()
  };

  // Copies the values of the parameters into one buffer; the leaves then hold views of it. Throws
  // UserError unless all parameters share dtype and device, or if there are none.
  explicit FlatParameters(const NamedParameters& parameters);

  const Tensor& values() const { return values_; }
  const Tensor& gradients() const { return gradients_; }
  const std::vector<Segment>& segments() const { return segments_; }
  u64 layout_version() const { return layout_version_; }

  // Allocates gradients() for the parameters with requires_grad, in order, and removes the
  // gradients of the others. All gradients are absent afterwards.
  void allocate_gradients();
  // From the next allocate_gradients() on, a bucket ends once it has at least `bytes`, and its
  // length is a multiple of 16 · `parts`. Before, all gradients are one bucket.
  void set_buckets(i64 bytes, i64 parts) { bucket_rule_ = {bytes, parts}; }
  const std::vector<Bucket>& buckets() const { return buckets_; }
  // Marks all gradients as absent, so that the next backward pass writes instead of adding.
  void zero_grad() const;

 private:
  Tensor values_, gradients_;
  std::vector<Segment> segments_;
  std::vector<Bucket> buckets_;
  struct {
    i64 bytes = std::numeric_limits<i64>::max(), parts = 1;
  } bucket_rule_;
  u64 layout_version_ = 0;
};

}  // namespace weft::nn
