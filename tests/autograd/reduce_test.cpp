// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

// Sums over one axis of (outer, n, inner), in order. Each sum is multiplied by scale(n).
template <class Scale>
auto sums(int axis, Scale scale) {
  return [=](const testing::Variables& a) {
    const Tensor& x = a[0].value();
    const int k = x.shape().checked_axis(axis);
    const i64 outer = x.shape().elements(0, k), n = x.size(k),
              inner = x.shape().elements(k + 1, x.rank());
    Tensor y = Tensor::zeros(x.shape().with(k, 1), DType::f64);
    for (i64 o = 0; o < outer; ++o)
      for (i64 j = 0; j < n; ++j)
        for (i64 i = 0; i < inner; ++i)
          y.data<double>()[o * inner + i] += x.data<double>()[(o * n + j) * inner + i];
    for (double& value : y.values<double>()) value *= scale(static_cast<double>(n));
    return Variable(y);
  };
}
double one(double) { return 1.0; }
double reciprocal(double n) { return 1.0 / n; }
template <class Scale>
auto sum_of_all(Scale scale) {
  return [=](const testing::Variables& a) {
    return Variable(sums(0, scale)({a[0].value().reshape({-1})}).value().reshape(Shape{}));
  };
}
Tensor stack(const testing::Draw& draw) { return draw.normal({3, draw.size.rows, draw.size.cols}); }

WEFT_OP_ROW(sum, {.inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0]); },
                  .reference = sum_of_all(one)});
WEFT_OP_ROW(sum, {.variant = "columns",
                  .inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0], 0); },
                  .reference = sums(0, one)});
WEFT_OP_ROW(sum, {.variant = "rows",
                  .inputs = {matrix},
                  .op = [](auto& a) { return sum(a[0], -1); },
                  .reference = sums(-1, one)});
WEFT_OP_ROW(sum, {.variant = "middle",
                  .inputs = {stack},
                  .op = [](auto& a) { return sum(a[0], 1); },
                  .reference = sums(1, one)});
WEFT_OP_ROW(mean, {.inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0]); },
                   .reference = sum_of_all(reciprocal)});
WEFT_OP_ROW(mean, {.variant = "columns",
                   .inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0], 0); },
                   .reference = sums(0, reciprocal)});
WEFT_OP_ROW(mean, {.variant = "rows",
                   .inputs = {matrix},
                   .op = [](auto& a) { return mean(a[0], -1); },
                   .reference = sums(-1, reciprocal)});
WEFT_OP_ROW(mean, {.variant = "middle",
                   .inputs = {stack},
                   .op = [](auto& a) { return mean(a[0], 1); },
                   .reference = sums(1, reciprocal)});

}  // namespace
}  // namespace weft
