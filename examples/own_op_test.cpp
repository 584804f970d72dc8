// SPDX-License-Identifier: Apache-2.0
// An op of your own, written and tested outside weft: log(cosh(x)), a smooth |x|. One row gives it
// the tests of weft's own ops: values, every element of the gradient, sizes, threads, poisoned
// memory.
#include <weft/autograd/ops.h>
#include <weft/autograd/tape.h>
#include <weft/testing/testing.h>

#include <cmath>

using namespace weft;

namespace {

// Computes |x| + log(1 + exp(-2|x|)) - log 2, which does not overflow.
Tensor log_cosh(const Tensor& x) {
  const Tensor size = abs(x);
  const Tensor tail = log(affine(exp(affine(size, -2, 0)), 1, 1));
  return affine(add(size, tail), 1, -std::log(2.0));
}

Variable log_cosh(const Variable& x) {
  const Tensor& X = x.value();
  return record("log_cosh", log_cosh(X),
                edge(x, [X](const Tensor& dy, Tensor& dx) { mul(dx, dy, tanh(X)); }));
}

WEFT_OP_ROW(log_cosh, {.inputs = {testing::matrix},
                       .op = [](auto& a) { return log_cosh(a[0]); },
                       .reference = [](auto& a) { return log((exp(a[0]) + exp(-a[0])) * 0.5); },
                       .extremes = false});  // only the reference overflows

}  // namespace
