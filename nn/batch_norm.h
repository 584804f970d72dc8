// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "weft/nn/module.h"

namespace weft::nn {

struct NormOptions {
  double eps = 1e-5;
  double momentum = 0.1;  // weight of the newest batch in the running statistics
};

// Normalises each channel to mean 0 and variance 1, then multiplies by weight and adds bias.
// x is (batch, …, channels): images or rows of features. Training uses the statistics of the batch,
// and the running ones follow (Note [Batch-norm statistics]); evaluation uses the running ones.
// Names are those of PyTorch's
// BatchNorm1d and BatchNorm2d, num_batches_tracked included.  Ioffe & Szegedy 2015,
// arXiv:1502.03167
//
// Note [Frozen batch norm]
// A batch norm is frozen if neither its weight nor its bias wants a gradient: it
// normalises with the running statistics in training too, and they stay. In PyTorch they would
// drift, and a frozen backbone would change under the head that is trained on it.
class BatchNorm : public Module {
 public:
  explicit BatchNorm(i64 channels, NormOptions options = {});

  void parts(Parts& p) override;
  Variable forward(const Variable& x) override;
  Variable forward_fused(const Variable& x, kernels::Activation activation) override;
  bool fuses(kernels::Activation activation) const override {
    return activation == kernels::Activation::relu;
  }
  // relu(norm(x) + residual): the end of a residual block.
  Variable with_residual(const Variable& x, const Variable& residual);
  std::string label() const override;
  // Keeps the running statistics as they are, and uses them, even while weight and bias are
  // trained.
  void freeze_statistics(bool on) { statistics_frozen_ = on; }
  bool statistics_frozen() const { return statistics_frozen_; }

  Parameter weight, bias;
  Buffer running_mean, running_var, num_batches_tracked;

 private:
  // Whether this pass normalises with, and observes, the statistics of its batch.
  bool uses_batch_statistics() const {
    return training() && !statistics_frozen_ &&
           (weight.variable().requires_grad() || bias.variable().requires_grad());
  }
  Variable normalise(const Variable& x, bool relu, const Variable& residual);

  NormOptions options_;
  bool statistics_frozen_ = false;
};

}  // namespace weft::nn
