// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/dry_run.h"

namespace weft::nn {

Tensor dry_run(Module& module, const Shape& sample, DType dtype, i64 samples) {
  const NamedParameters parameters = module.named_parameters();
  const Device device = parameters.empty() ? Device{Cpu{}} : parameters.front().variable.device();
  const NoGrad no_grad;
  const EvalMode mode(module);
  return module(Tensor::zeros(sample.inserted(0, samples), dtype, device)).value();
}

Tensor dry_run(Module& module, const Shape& sample) {
  const NamedParameters parameters = module.named_parameters();
  return dry_run(module, sample,
                 parameters.empty() ? DType::f32 : parameters.front().variable.dtype());
}

}  // namespace weft::nn
