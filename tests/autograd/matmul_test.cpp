// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using kernels::Activation;
using testing::matrix;

// (batch, m, k)·(batch, k, n) by the definition.
Variable product(const Tensor& a, const Tensor& b, const Shape& shape) {
  const i64 m = a.size(-2), k = a.size(-1), n = b.size(-1);
  Tensor c = Tensor::zeros(shape, DType::f64);
  for (i64 row = 0; row < (m == 0 || n == 0 ? 0 : c.elements() / n); ++row)
    for (i64 j = 0; j < k; ++j)
      for (i64 i = 0; i < n; ++i)
        c.data<double>()[row * n + i] +=
            a.data<double>()[row * k + j] * b.data<double>()[(row / m * k + j) * n + i];
  return Variable(c);
}

Tensor seven_columns(const testing::Draw& draw) { return draw.normal({draw.size.cols, 7}); }
Tensor batch_a(const testing::Draw& draw) { return draw.normal({2, 3, draw.size.rows, 5}); }
Tensor batch_b(const testing::Draw& draw) { return draw.normal({2, 3, 5, draw.size.cols}); }
const std::vector<testing::Size> kSmall = {{0, 5}, {5, 0}, {1, 1}, {31, 33}, {65, 64}};
const std::vector<testing::Size> kSizes = {{0, 5}, {5, 0}, {1, 1}, {31, 33}, {129, 65}};

WEFT_OP_ROW(
    matmul,
    {.inputs = {matrix, seven_columns},
     .op = [](auto& a) { return matmul(a[0], a[1]); },
     .reference =
         [](auto& a) {
           return product(a[0].value(), a[1].value(), {a[0].shape()[0], 7});
         },
     .errors = {{[] {
                   matmul(Tensor::zeros({32, 784}), Tensor::zeros({512, 10}));
                 },
                 "a is (32, 784) and b is (512, 10); the columns of a (784) must equal the "
                 "rows of b (512)"},
                {[] {
                   matmul(Tensor::zeros({}), Tensor::zeros({3, 2}));
                 },
                 "a is () and b is (3, 2); at least one axis is required"},
                {[] {
                   const Variable vector(Tensor::zeros({3}));
                   matmul(transposed(vector), Variable(Tensor::zeros({3, 2})));
                 },
                 "a is (3) transposed and b is (3, 2); at least one axis is required, or two "
                 "to transpose"},
                {[] {
                   matmul(Tensor::zeros({2, 4, 3}), Tensor::zeros({5, 3, 2}));
                 },
                 "the leading axes must be equal or 1"}},
     .sizes = kSizes,
     .library = true});
WEFT_OP_ROW(
    matmul,
    {.variant = "batched",
     .inputs = {batch_a, batch_b},
     .op = [](auto& a) { return matmul(a[0], a[1]); },
     .reference =
         [](auto& a) {
           return product(a[0].value(), a[1].value(), {2, 3, a[0].shape()[2], a[1].shape()[3]});
         },
     .sizes = kSmall,
     .library = true});

// The reference of inputs of other ranks repeats and transposes them by permute and broadcast_to.
Tensor seven_rows(const testing::Draw& draw) { return draw.normal({7, draw.size.cols}); }
Tensor batch_transposed(const testing::Draw& draw) {
  return draw.normal({2, 3, 5, draw.size.rows});
}
Tensor batch_of_3(const testing::Draw& draw) { return draw.normal({3, 1, draw.size.cols, 5}); }
Tensor vector_of_5(const testing::Draw& draw) { return draw.normal({5}); }

WEFT_OP_ROW(
    matmul,
    {.variant = "b_transposed",
     .inputs = {matrix, seven_rows},
     .op = [](auto& a) { return matmul(a[0], transposed(a[1])); },
     .reference =
         [](auto& a) {
           return product(a[0].value(), permute(a[1].value(), {1, 0}), {a[0].shape()[0], 7});
         },
     .sizes = kSizes,
     .library = true});
// Both are batches and both are transposed; b is repeated along both leading axes.
WEFT_OP_ROW(
    matmul,
    {.variant = "both_transposed",
     .inputs = {batch_transposed, batch_of_3},
     .op = [](auto& a) { return matmul(transposed(a[0]), transposed(narrow(a[1], 0, 0, 1))); },
     .reference =
         [](auto& a) {
           const i64 cols = a[1].shape()[2];
           const Variable b =
               broadcast_to(permute(narrow(a[1], 0, 0, 1), {0, 1, 3, 2}), {2, 3, 5, cols});
           return product(permute(a[0].value(), {0, 1, 3, 2}), b.value(),
                          {2, 3, a[0].shape()[3], cols});
         },
     .sizes = kSmall,
     .library = true});
WEFT_OP_ROW(matmul, {.variant = "broadcast",
                     .inputs = {batch_a,
                                [](const testing::Draw& draw) {
                                  return draw.normal({4, 1, 1, 5, draw.size.cols});
                                }},
                     .op = [](auto& a) { return matmul(a[0], a[1]); },
                     .reference =
                         [](auto& a) {
                           const i64 rows = a[0].shape()[2], cols = a[1].shape()[4];
                           const Variable x = broadcast_to(a[0], {4, 2, 3, rows, 5}),
                                          y = broadcast_to(a[1], {4, 2, 3, 5, cols});
                           return product(x.value(), y.value(), {4, 2, 3, rows, cols});
                         },
                     .sizes = kSmall,
                     .library = true});
WEFT_OP_ROW(matmul, {.variant = "batch_by_matrix",
                     .inputs = {batch_a,
                                [](const testing::Draw& draw) {
                                  return draw.normal({5, draw.size.cols});
                                }},
                     .op = [](auto& a) { return matmul(a[0], a[1]); },
                     .reference =
                         [](auto& a) {
                           const i64 rows = a[0].shape()[2], cols = a[1].shape()[1];
                           return product(a[0].value(), broadcast_to(a[1], {2, 3, 5, cols}).value(),
                                          {2, 3, rows, cols});
                         },
                     .sizes = kSmall,
                     .library = true});
WEFT_OP_ROW(matmul, {.variant = "by_vector",
                     .inputs = {batch_a, vector_of_5},
                     .op = [](auto& a) { return matmul(a[0], a[1]); },
                     .reference = [](auto& a) { return sum(a[0] * a[1], {-1}, false); },
                     .sizes = kSmall,
                     .library = true});
WEFT_OP_ROW(matmul, {.variant = "vector_by_batch",
                     .inputs = {vector_of_5, batch_b},
                     .op = [](auto& a) { return matmul(a[0], a[1]); },
                     .reference =
                         [](auto& a) {
                           return sum(reshape(a[0], {5, 1}) * a[1], {-2}, false);
                         },
                     .sizes = kSmall,
                     .library = true});
WEFT_OP_ROW(matmul, {.variant = "vectors",
                     .inputs = {testing::vector, testing::vector},
                     .op = [](auto& a) { return matmul(a[0], a[1]); },
                     .reference = [](auto& a) { return sum(a[0] * a[1]); },
                     .sizes = kSmall,
                     .library = true});

// The rows of linear. Weights of this size keep sums near 1, where the slope of an activation is
// well conditioned.
Tensor weight(const testing::Draw& draw) {
  const i64 in = draw.before[0].size(-1);
  const double bound = 1.7 / std::sqrt(static_cast<double>(std::max<i64>(in, 1)));
  return draw.uniform({11, in}, -bound, bound);
}
Tensor bias(const testing::Draw& draw) { return draw.normal({11}); }
Tensor sequence(const testing::Draw& draw) {
  return draw.normal({2, draw.size.rows, draw.size.cols});
}

testing::OpRow linear_row(const char* variant, Activation activation,
                          Variable (*activate)(const Variable&)) {
  return {.variant = variant,
          .inputs = {matrix, weight, bias},
          .op = [=](auto& a) { return linear(a[0], a[1], a[2], activation); },
          .reference =
              [=](auto& a) {
                return activate(matmul(a[0], permute(a[1], {1, 0})) + a[2]);
              },
          .sizes = {{0, 5}, {1, 1}, {31, 33}, {65, 64}, {3, 1025}},
          .library = true};
}
[[maybe_unused]] const bool added =
    testing::add_op_row("linear", linear_row("relu", Activation::relu, relu), __FILE__, __LINE__) &&
    testing::add_op_row("linear", linear_row("gelu", Activation::gelu, gelu), __FILE__, __LINE__) &&
    testing::add_op_row("linear", linear_row("silu", Activation::silu, silu), __FILE__, __LINE__) &&
    testing::add_op_row("linear", linear_row("tanh", Activation::tanh, tanh), __FILE__, __LINE__) &&
    testing::add_op_row("linear", linear_row("sigmoid", Activation::sigmoid, sigmoid), __FILE__,
                        __LINE__);

WEFT_OP_ROW(
    linear,
    {.inputs = {sequence, weight, bias},
     .op = [](auto& a) { return linear(a[0], a[1], a[2]); },
     .reference =
         [](auto& a) {
           const Shape& s = a[0].shape();
           return reshape(
               matmul(reshape(a[0], Shape{2 * s[1], s[2]}), permute(a[1], {1, 0})) + a[2],
               Shape{2, s[1], 11});
         },
     .errors = {{[] {
                   linear(Tensor::zeros({2, 3}), Tensor::zeros({5, 4}), Tensor());
                 },
                 "x is (2, 3) and w is (5, 4); the last axis of x must equal the second of w (4)"},
                {[] {
                   linear(Tensor::zeros({2, 3}), Tensor::zeros({5, 3}), Tensor::zeros({3}));
                 },
                 "bias is (3) and w is (5, 3); bias must be (5)"}},
     .sizes = kSizes,
     .library = true});
WEFT_OP_ROW(linear, {.variant = "no_bias",
                     .inputs = {matrix, weight},
                     .op = [](auto& a) { return linear(a[0], a[1], Variable()); },
                     .reference =
                         [](auto& a) {
                           return matmul(a[0], permute(a[1], {1, 0}));
                         },
                     .sizes = kSizes,
                     .library = true});

}  // namespace
}  // namespace weft
