// SPDX-License-Identifier: Apache-2.0
#include "weft/nn/dropout.h"
#include "weft/nn/layer.h"

#include "weft/autograd/ops.h"

namespace weft::nn {

Dropout::Dropout(double p) : p_(p) {
  WEFT_CHECK(p >= 0 && p <= 1, "Dropout: p is {}; a probability from 0 to 1 is required", p);
}

Variable Dropout::forward(const Variable& x) { return training() && p_ > 0 ? dropout(x, p_) : x; }

namespace {

struct DropoutLayer {
  double p = 0.5;
};
void describe(Fields& f, DropoutLayer& o) {
  f("p", o.p, "fraction of elements set to zero in training", from_to_below(0, 1));
}

AnyModule make_dropout(const DropoutLayer& options, const LayerInput& input) {
  (void)input.features("dropout");
  return Dropout{options.p};
}

const bool registered = Registry<Layer>::add<DropoutLayer>("dropout", make_dropout);

}  // namespace

}  // namespace weft::nn
