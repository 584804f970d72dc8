// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;
using testing::row_of;

Variable standardised(const Variable& x) {
  const Variable centred = x - mean(x, -1);
  return centred / sqrt(mean(square(centred), -1) + 1e-5);
}

WEFT_OP_ROW(
    layer_norm,
    {.inputs = {matrix, row_of(0), row_of(0)},
     .op = [](auto& a) { return layer_norm(a[0], a[1], a[2]); },
     .reference = [](auto& a) { return standardised(a[0]) * a[1] + a[2]; },
     .errors =
         {{[] { layer_norm(Variable(Tensor::zeros({})), Variable(), Variable()); },
           "x is (); a last axis of at least one element is required"},
          {[] {
             layer_norm(Variable(Tensor::zeros({2, 0})), Variable(), Variable());
           },
           "x is (2, 0)"},
          {[] {
             layer_norm(Variable(Tensor::zeros({2, 3})), Variable(Tensor::zeros({3})), Variable());
           },
           "one of weight and bias is undefined"},
          {[] {
             layer_norm(Variable(Tensor::zeros({2, 3})), Variable(Tensor::zeros({2})),
                        Variable(Tensor::zeros({2})));
           },
           "x is (2, 3) and a parameter (2); weight and bias must be (3)"}},
     // With one or two columns the output is only rounding, so these sizes are only gradchecked.
     .sizes = {{0, 5}, {2, 5}, {31, 33}, {33, 31}, {1025, 33}, {3, 1025}}});
WEFT_OP_ROW(layer_norm,
            {.variant = "plain",
             .inputs = {[](auto& draw) {
               return draw.normal({2, draw.size.rows, draw.size.cols});
             }},
             .op = [](auto& a) { return layer_norm(a[0], Variable(), Variable(), 1e-5); },
             .reference = [](auto& a) { return standardised(a[0]); },
             .sizes = {{0, 5}, {31, 33}}});

}  // namespace
}  // namespace weft
