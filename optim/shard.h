// SPDX-License-Identifier: Apache-2.0
// An optimizer whose state several processes, the ranks, have together (Optimizer::set_shard).
//
// Note [Sharding]
// Each bucket of gradients (nn/flat_parameters.h) is cut into as many parts of equal size as there
// are ranks. Rank r updates the parameters of part r of each bucket, and has their state alone: so
// state takes 1 / ranks of the memory. Before the update only part r of the gradients must be the
// sum of all ranks. After it only that part of the parameters is new, and gather_parameters() gives
// all to all. A parameter may lie in the parts of several ranks. Steps, rates, and the state that
// state() gives and load_state() takes are those of one process.
// Source: Rajbhandari et al. 2020, arXiv:1910.02054 (ZeRO, stage 1).
#pragma once
#include "weft/tensor/tensor.h"

namespace weft::optim {

class Shard {
 public:
  virtual ~Shard() = default;
  virtual i64 rank() const = 0;
  virtual i64 ranks() const = 0;
  // Replaces the elements by their sums over the ranks.
  virtual void sum(const Tensor& values) = 0;
  // `whole` becomes the parts of all ranks in their order. `part` may be this rank's part of it.
  virtual void gather(const Tensor& part, const Tensor& whole) = 0;
};

}  // namespace weft::optim
