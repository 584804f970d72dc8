// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/batch_norm.h"
#include "weft/nn/layer.h"

#include "weft/core/check.h"
#include "weft/nn/statistics.h"

namespace weft::nn {

BatchNorm::BatchNorm(i64 channels, NormOptions options) : options_(options) {
  WEFT_CHECK(channels >= 1, "BatchNorm: {} channels given; at least 1 is required", channels);
  WEFT_CHECK(
      positive.accepts(options.eps) && options.momentum >= 0 && options.momentum <= 1,
      "BatchNorm: eps {} and momentum {} given; eps above 0 and momentum from 0 to 1 are required",
      options.eps, options.momentum);
  weight = Parameter(Tensor::full({channels}, 1));
  bias = Parameter(Tensor::zeros({channels}));
  running_mean = Buffer(Tensor::zeros({channels}));
  running_var = Buffer(Tensor::full({channels}, 1));
  num_batches_tracked = Buffer(Tensor::zeros({}, DType::int64));
}

void BatchNorm::parts(Parts& p) {
  p("weight", weight)("bias", bias);
  p("running_mean", running_mean)("running_var", running_var)("num_batches_tracked",
                                                              num_batches_tracked);
}

Variable BatchNorm::normalise(const Variable& x, bool relu, const Variable& residual) {
  const BatchNormOptions op_options{.eps = options_.eps, .relu = relu};
  if (!uses_batch_statistics())
    return batch_norm_eval(x, weight, bias, running_mean.value, running_var.value, op_options,
                           residual);
  return updated(batch_norm(x, weight, bias, op_options, residual));
}

Variable BatchNorm::updated(BatchNormResult result) {
  update_statistics({.running_mean = running_mean.value,
                     .running_var = running_var.value,
                     .batches = num_batches_tracked.value,
                     .mean = std::move(result.mean),
                     .variance = std::move(result.variance),
                     .momentum = options_.momentum});
  return std::move(result.y);
}

bool BatchNorm::pools(const Variable& x) const {
  return uses_batch_statistics() && x.shape().rank() == 4 && x.shape()[1] >= 2 && x.shape()[2] >= 2;
}

Variable BatchNorm::pooled(const Variable& x, bool relu) {
  return run([&] {
    return updated(batch_norm_pool(x, weight, bias, {.eps = options_.eps, .relu = relu}));
  });
}

Variable BatchNorm::forward(const Variable& x) { return normalise(x, false, {}); }

Variable BatchNorm::forward_fused(const Variable& x, kernels::Activation activation) {
  if (activation == kernels::Activation::relu) return normalise(x, true, {});
  return Module::forward_fused(x, activation);
}

Variable BatchNorm::with_residual(const Variable& x, const Variable& residual) {
  return run([&] { return normalise(x, true, residual); });
}

std::string BatchNorm::label() const {
  return fmt::format("BatchNorm({})", weight.value().size(0));
}

namespace {

AnyModule make_batch_norm(const NormOptions& options, const LayerInput& input) {
  return BatchNorm{input.features("batch_norm"), options};
}

const bool registered = Registry<Layer>::add<NormOptions>("batch_norm", make_batch_norm);

}  // namespace

void describe(Fields& f, NormOptions& o) {
  f("eps", o.eps, "is added to the variance", positive);
  f("momentum", o.momentum, "weight of the newest batch in the running statistics", in_range(0, 1));
}

}  // namespace weft::nn
