// SPDX-License-Identifier: Apache-2.0
// Autocast: products in a half type, everything else in f32.
//
//   WeightCasts casts;                                   // kept over the run
//   {
//     const Autocast autocast(DType::bf16, casts);       // around forward passes
//     loss = cross_entropy(model(x), labels);
//   }
//   loss.backward();                                     // inside or outside: the tape knows
//   optimizer.step();                                    // f32 weights, f32 gradients
//   casts.clear();                                       // the weights have changed
//
// Note [Autocast]
// While one lives, linear, matmul and conv2d on this thread multiply half copies of their f32
// inputs, sum in float and give f32; their gradients multiply half copies of what comes in, and are
// f32 too. Biases, activations, normalisations, pooling, softmax, losses, and all sums stay f32:
// they are bound by memory, not by multiplications, and lose digits. f64 is left alone. So weights,
// gradients and optimizer state are f32 (Micikevicius et al., arXiv 1710.03740), and a product
// keeps half copies of its inputs for the backward pass.
#pragma once
#include <memory>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft {

// The half copies of weights, made once per step however often they are used. Not thread-safe.
class WeightCasts {
 public:
  // The leaf's value in `dtype`: from now on the same values, until clear().
  Tensor of(const std::shared_ptr<Leaf>& leaf, DType dtype);
  // To be called after weights were written.
  void clear() { ++generation_; }

 private:
  struct Entry {
    std::shared_ptr<Leaf> leaf;
    Tensor copy;
    u64 generation = 0;
  };
  Entry& entry_of(const std::shared_ptr<Leaf>& leaf);
  std::vector<Entry> entries_;
  std::size_t next_ = 0;  // steps use weights in one order: where the next is likely to be
  u64 generation_ = 1;
};

// Scopes nest; f32 switches it off. `casts` must outlive the scope.
class Autocast {
 public:
  // Throws UserError for another dtype than f32, f16 and bf16.
  Autocast(DType dtype, WeightCasts& casts);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  DType dtype_before_;
  WeightCasts* casts_before_;
};

// What a product multiplies in place of this input: a copy in the scope's dtype, or the value
// itself.
Tensor autocast(const Variable& input);

}  // namespace weft
