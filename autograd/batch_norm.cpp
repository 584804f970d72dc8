// SPDX-License-Identifier: Apache-2.0
#include "weft/autograd/ops.h"
#include "weft/autograd/shared_batch.h"
#include "weft/autograd/tape.h"

namespace weft {
namespace {

Tensor value_of(const Variable& variable) {
  return variable.defined() ? variable.value() : Tensor();
}

// What the backward pass needs of the statistics.
BatchStatistics for_backward(const BatchStatistics& statistics) {
  return {.mean = statistics.mean, .inv_std = statistics.inv_std, .variance = {}};
}

// The rows of the other ranks, if a SharedBatch is set.
SharedRows rows_of(SharedBatch* batch) {
  if (batch == nullptr) return {};
  return {.sum = [batch](const Tensor& values) { batch->sum(values); }, .counts = batch->counts()};
}

Variable normalised(const char* op, const Variable& x, const Variable& gamma, const Variable& beta,
                    const BatchStatistics& statistics, bool constant_statistics, bool relu,
                    const Variable& residual, const SharedRows& shared = {}) {
  const Tensor &X = x.value(), G = value_of(gamma), B = value_of(beta);
  Tensor y = batch_norm(X, statistics, G, B, value_of(residual), relu);
  // Without a residual the sign of y follows from x, which the kernel reads anyway.
  Tensor kept = relu && residual.defined() ? y : Tensor();
  if (relu || residual.defined())
    note_op([&] {
      return std::string(residual.defined() ? "add" : "") +
             (relu && residual.defined() ? "+" : "") + (relu ? "relu" : "");
    });
  return record(
      op, std::move(y),
      in_place_multi_input_edge(
          std::array{&residual, &x, &gamma, &beta},
          [X = X, G = G, B = B, kept = std::move(kept), statistics = for_backward(statistics),
           shared, relu, constant_statistics](const Tensor& dy, std::span<Tensor* const> d) {
            batch_norm_backward({.dx = d[1], .dresidual = d[0], .dgamma = d[2], .dbeta = d[3]}, dy,
                                X, kept, statistics, G, B, relu, constant_statistics, shared);
          }));
}

}  // namespace

BatchNormResult batch_norm(const Variable& x, const Variable& gamma, const Variable& beta,
                           const BatchNormOptions& options, const Variable& residual) {
  const SharedRows shared = rows_of(shared_batch());
  const BatchStatistics statistics = batch_statistics(x.value(), options.eps, shared);
  return {
      normalised("batch_norm", x, gamma, beta, statistics, false, options.relu, residual, shared),
      statistics.mean, statistics.variance};
}

BatchNormResult batch_norm_pool(const Variable& x, const Variable& gamma, const Variable& beta,
                                const BatchNormOptions& options) {
  if (shared_batch() != nullptr) {
    BatchNormResult result = batch_norm(x, gamma, beta, options);
    result.y = max_pool2d(result.y);
    return result;
  }
  const Tensor &X = x.value(), G = value_of(gamma), B = value_of(beta);
  const BatchStatistics statistics = batch_statistics(X, options.eps);
  const bool wants_index =
      grad_enabled() && (x.requires_grad() || gamma.requires_grad() || beta.requires_grad());
  BatchNormPoolResult result = batch_norm_pool(X, statistics, G, B, options.relu, wants_index);
  Tensor y = std::exchange(result.y, Tensor());
  if (options.relu) note_op([] { return std::string("relu"); });
  return {record("batch_norm_pool", std::move(y),
                 multi_input_edge(std::array{&x, &gamma, &beta},
                                  [X = X, G = G, B = B, saved = std::move(result),
                                   statistics = for_backward(statistics), relu = options.relu](
                                      const Tensor& dy, std::span<Tensor* const> d) {
                                    batch_norm_pool_backward(
                                        {.dx = d[0], .dgamma = d[1], .dbeta = d[2]}, dy, X, saved,
                                        statistics, G, B, relu);
                                  })),
          statistics.mean, statistics.variance};
}

Variable batch_norm_eval(const Variable& x, const Variable& gamma, const Variable& beta,
                         const Tensor& running_mean, const Tensor& running_var,
                         const BatchNormOptions& options, const Variable& residual) {
  return normalised("batch_norm_eval", x, gamma, beta,
                    running_statistics(running_mean, running_var, options.eps), true, options.relu,
                    residual);
}

}  // namespace weft
