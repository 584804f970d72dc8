// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::matrix;

// Subtracts the maximum of each row, so that exp() does not overflow.
Variable shifted(const Variable& x) { return x - Variable(max(x.value(), -1)); }

WEFT_OP_ROW(softmax,
            {.inputs = {matrix},
             .op = [](auto& a) { return softmax(a[0]); },
             .reference = [](auto& a) { return exp(shifted(a[0])) / sum(exp(shifted(a[0])), -1); },
             .errors = {{[] { softmax(Variable(Tensor::zeros({}))); },
                         "x is a scalar; at least one axis is required"},
                        {[] {
                           softmax(Variable(Tensor::zeros({2, 3}, DType::int64)));
                         },
                         "dtype int64 given; f32 or f64 is required"}},
             .sizes = testing::sizes_with_columns()});
WEFT_OP_ROW(softmax, {.variant = "batch",
                      .inputs = {[](auto& draw) {
                        return draw.normal({2, draw.size.rows, draw.size.cols});
                      }},
                      .op = [](auto& a) { return softmax(a[0]); },
                      .reference = [](auto& a) { return exp(a[0]) / sum(exp(a[0]), -1); },
                      .sizes = {{0, 5}, {3, 17}},
                      .extremes = false});
WEFT_OP_ROW(log_softmax,
            {.inputs = {matrix},
             .op = [](auto& a) { return log_softmax(a[0]); },
             .reference = [](auto& a) { return shifted(a[0]) - log(sum(exp(shifted(a[0])), -1)); },
             .errors = {{[] { log_softmax(Variable(Tensor::zeros({}))); }, "x is a scalar"}},
             .sizes = testing::sizes_with_columns()});

}  // namespace
}  // namespace weft
