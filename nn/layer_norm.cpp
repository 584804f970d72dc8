// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/layer_norm.h"
#include "weft/nn/layer.h"

#include "weft/autograd/ops.h"

namespace weft::nn {

LayerNorm::LayerNorm(i64 columns, LayerNormOptions options) : eps_(options.eps) {
  WEFT_CHECK(columns >= 1, "LayerNorm: {} columns given; at least 1 is required", columns);
  WEFT_CHECK(positive.accepts(options.eps), "LayerNorm: eps is {}; a number above 0 is required",
             options.eps);
  weight = Parameter(Tensor::full({columns}, 1));
  bias = Parameter(Tensor::zeros({columns}));
}

Variable LayerNorm::forward(const Variable& x) { return layer_norm(x, weight, bias, eps_); }

std::string LayerNorm::label() const {
  return fmt::format("LayerNorm({})", weight.value().size(0));
}

namespace {

AnyModule make_layer_norm(const LayerNormOptions& options, const LayerInput& input) {
  return LayerNorm{input.features("layer_norm"), options};
}

const bool registered = Registry<Layer>::add<LayerNormOptions>("layer_norm", make_layer_norm);

}  // namespace

void describe(Fields& f, LayerNormOptions& o) {
  f("eps", o.eps, "is added to the variance", positive);
}

}  // namespace weft::nn
