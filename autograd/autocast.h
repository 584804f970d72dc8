// SPDX-License-Identifier: Apache-2.0
// Autocast: products in a half type, everything else in f32.
//
//   WeightCasts casts;                                   // lives for the whole run
//   {
//     const Autocast autocast(DType::bf16, casts);       // around forward passes
//     loss = cross_entropy(model(x), labels);
//   }
//   loss.backward();                                     // inside or outside of the scope
//   optimizer.step();                                    // f32 weights, f32 gradients
//   casts.clear();                                       // the weights have changed
//
// Note [Autocast]
// While an Autocast lives, linear, matmul and conv2d on this thread multiply half copies of their
// f32 inputs, sum in float and give f32. Their backward functions multiply half copies of the
// incoming gradient and give f32 too. Biases, activations, normalisations, pooling, softmax, losses
// and all sums stay f32: memory bandwidth bounds their speed, not multiplications, and they would
// lose precision. f64 inputs are not converted. Weights, gradients and optimizer state are
// therefore f32 (Micikevicius et al., arXiv 1710.03740), and a product keeps half copies of its
// inputs for the backward pass.
#pragma once
#include <memory>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft {

// The half copies of weights. Each copy is made once per step, however often the weight is used.
// Not thread-safe.
class WeightCasts {
 public:
  // The value of the leaf in `dtype`. Until clear(), later calls return the same copy.
  Tensor of(const std::shared_ptr<Leaf>& leaf, DType dtype);
  // Must be called after weights were written.
  void clear() { ++generation_; }

 private:
  struct Entry {
    std::shared_ptr<Leaf> leaf;
    Tensor copy;
    u64 generation = 0;
  };
  Entry& entry_of(const std::shared_ptr<Leaf>& leaf);
  std::vector<Entry> entries_;
  std::size_t next_ = 0;  // the entry to try first, as steps use the weights in one order
  u64 generation_ = 1;
};

// Scopes nest, and f32 switches autocast off. `casts` must outlive the scope.
class Autocast {
 public:
  // Throws UserError for a dtype other than f32, f16 and bf16.
  Autocast(DType dtype, WeightCasts& casts);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  DType dtype_before_;
  WeightCasts* casts_before_;
};

// The tensor that a product multiplies for this input: a copy in the dtype of the scope, or the
// value itself.
Tensor autocast(const Variable& input);

}  // namespace weft
