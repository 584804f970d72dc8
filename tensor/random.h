// SPDX-License-Identifier: Apache-2.0
// Random numbers depend on a key (the seed) and a counter only. Every device yields the same bytes.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

class Generator {
 public:
  explicit Generator(u64 seed, u64 counter = 0) : seed_(seed), counter_(counter) {}

  // Each fill advances the counter by a quarter of the elements, rounded up. f32 and f64.
  void uniform(const Tensor& y, double low, double high);
  void normal(const Tensor& y, double mean, double std);
  // 64 fresh bits.
  u64 next();

  u64 seed() const { return seed_; }
  u64 counter() const { return counter_; }

 private:
  u64 seed_, counter_;
};

// This thread's generator, from which layers draw their initial weights. It is seeded with 0 until
// manual_seed.
Generator& default_generator();
// Seeds this thread's default generator and its random ops (below), which start over.
void manual_seed(u64 seed);

// Note [Random ops]
// Ops that draw numbers inside a network (dropout) count instead of keeping a generator: the number
// for an element is philox(seed; step, ordinal, sample, element), where the ordinal numbers the
// random ops of one forward pass and the sample is the row's index in the global batch. So a mask
// is the same in backward (which computes it again), on any device, and however a batch is cut into
// parts. A training loop calls set_random_step before each forward pass; one that never does still
// gets fresh masks, because the ordinal keeps increasing.
struct RandomOp {
  Tensor numbers;  // int64 (3) on the device: seed, step, index of the batch's first sample
  i64 ordinal = 0;
};
// For this thread's next random ops; the ordinal starts at 0 again. Passes not yet differentiated
// keep their values.
void set_random_step(u64 seed, i64 step, i64 first_sample = 0);
// The same with values on the device of the ops, which may change later.
void set_random_numbers(const Tensor& numbers);
// For an op: takes the next ordinal.
RandomOp next_random_op(const Device& device);

}  // namespace weft
