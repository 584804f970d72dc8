// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/autograd/ops.h"
#include "weft/core/fields.h"
#include "weft/nn/module.h"

namespace weft::nn {

struct NormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // weight of the newest batch in the running statistics
};
void describe(Fields& f, NormOptions& o);

// Normalises each channel to mean 0 and variance 1, then multiplies by weight and adds bias. x is
// (batch, …, channels): images or rows of features. Training uses the statistics of the batch, of
// all ranks if a SharedBatch is set (autograd/shared_batch.h), and updates the running statistics
// (Note [Batch-norm statistics]); evaluation uses the running statistics. The names are those of
// PyTorch's BatchNorm1d and BatchNorm2d, num_batches_tracked included. Source: Ioffe & Szegedy
// 2015, arXiv:1502.03167.
//
// Note [Frozen batch norm]
// A batch norm is frozen if neither its weight nor its bias requires a gradient. It then normalises
// with the running statistics in training too, and does not change them. In PyTorch they would
// change, so the output of a frozen backbone would drift while the head is trained on it.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(i64 channels, NormOptions options = {});

  void parts(Parts& p) override;
  Variable forward(const Variable& x) override;
  Variable forward_fused(const Variable& x, kernels::Activation activation) override;
  bool fuses(kernels::Activation activation) const override {
    return activation == kernels::Activation::relu;
  }
  // Computes relu(norm(x) + residual), the end of a residual block.
  Variable with_residual(const Variable& x, const Variable& residual);
  // Computes the max pooling of norm(x), or of relu(norm(x)), over windows of 2 × 2 pixels in one
  // op (kernels/batch_norm_pool.h), for x of which pools() is true.
  Variable pooled(const Variable& x, bool relu);
  // Whether x are images that are normalised with their own statistics.
  bool pools(const Variable& x) const;
  std::string label() const override;
  // If `on`, training normalises with the running statistics and does not change them, even if
  // weight and bias are trained.
  void freeze_statistics(bool on) { statistics_frozen_ = on; }
  bool statistics_frozen() const { return statistics_frozen_; }

  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;

 private:
  // Whether this forward pass normalises with the statistics of its batch and updates the running
  // statistics.
  bool uses_batch_statistics() const {
    return training() && !statistics_frozen_ &&
           (weight.variable().requires_grad() || bias.variable().requires_grad());
  }
  Variable normalise(const Variable& x, bool relu, const Variable& residual);
  // Updates the running statistics and returns y.
  Variable updated(BatchNormResult result);

  NormOptions options_;
  bool statistics_frozen_ = false;
};

}  // namespace weft::nn
