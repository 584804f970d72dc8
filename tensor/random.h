// SPDX-License-Identifier: Apache-2.0
// Random numbers depend only on a key (the seed) and a counter. Every device yields the same random
// bits; a number that is made from them may differ in its last bit with the instruction set.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

class Generator {
 public:
  explicit Generator(u64 seed, u64 counter = 0) : seed_(seed), counter_(counter) {}

  // Both fill y, which is f32 or f64, and advance the counter by a quarter of the elements, rounded
  // up.
  void uniform(const Tensor& y, double low, double high);
  void normal(const Tensor& y, double mean, double std);
  // The next 64 random bits.
  u64 next();

  u64 seed() const { return seed_; }
  u64 counter() const { return counter_; }

 private:
  u64 seed_, counter_;
};

// The generator of this thread, from which layers draw their initial weights. Its seed is 0 until
// manual_seed() is called.
Generator& default_generator();
// Seeds the default generator of this thread, and restarts its random ops (Note [Random ops]).
void manual_seed(u64 seed);

// Note [Random ops]
// A random op inside a network (dropout) has no generator of its own. The random number of an
// element is philox(seed; step, ordinal, sample, element). The ordinal counts the random ops of one
// forward pass, and the sample is the row's index in the global batch. So a mask is the same in the
// backward pass (which computes it again), on any device, and for any split of a batch into parts.
// A training loop calls set_random_step before each forward pass. A loop that never calls it still
// gets new masks, because the ordinal keeps increasing.
struct RandomOp {
  Tensor numbers;  // int64 (3) on the device: seed, step, index of the first sample
  i64 ordinal = 0;
};
// Sets the values for the next random ops of this thread; the ordinal starts at 0 again. Forward
// passes that are not yet differentiated keep the values they used.
void set_random_step(u64 seed, i64 step, i64 first_sample = 0);
// Does the same with values that lie on the device of the ops. The values may be changed there
// later.
void set_random_numbers(const Tensor& numbers);
// Takes the next ordinal, for an op on `device`.
RandomOp next_random_op(const Device& device);

// Keeps the default generator and the values for the next random ops of this thread, and restores
// both when it is destroyed: what is drawn in between leaves no trace. It must be destroyed on the
// thread that it was constructed on.
class KeptRandomState {
 public:
  KeptRandomState();
  ~KeptRandomState();
  KeptRandomState(const KeptRandomState&) = delete;
  KeptRandomState& operator=(const KeptRandomState&) = delete;

 private:
  Generator generator_;
  RandomOp random_ops_;
};

}  // namespace weft
