// SPDX-License-Identifier: Apache-2.0
// A batch whose rows are spread over the ranks of a job. While one is set, batch norm in training
// takes the statistics of all rows, so that forward and backward pass equal those of one process
// with the whole batch. The ranks may have unequal shares, and one of them may have a single row.
//
// Batch norm calls sum() twice in the forward pass and once in the backward pass, there only if the
// gradient of its input is wanted. dx is that of the whole batch; dgamma and dbeta are those of the
// rank's rows, and their sums over the ranks are those of the whole batch. Evaluation and frozen
// statistics do not use the batch.
//
// A rank without rows brings padding, for example one sample with loss 0, and makes every call.
// Padding has weight 0 in the statistics, and its own gradients are those of constant statistics.
// Where dy is 0, so are they.
#pragma once
#include "weft/tensor/tensor.h"

namespace weft {

class SharedBatch {
 public:
  virtual ~SharedBatch() = default;
  // Replaces the elements (f64, on the device of the batch) by their sums over the ranks, which
  // must have the same bits on each. All ranks call it in the same order.
  virtual void sum(const Tensor& values) = 0;
  // False if the rows of this rank are padding, which counts for nothing. It is asked in the
  // forward pass, and the backward pass takes that answer.
  virtual bool counts() const = 0;
};
// Sets it for this thread and returns the previous one; null, the default: the rows of this process
// are the batch. The backward pass of an op uses that of the forward pass, which must live so long.
SharedBatch* set_shared_batch(SharedBatch* batch);
SharedBatch* shared_batch();

}  // namespace weft
