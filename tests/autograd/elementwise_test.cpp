// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/testing/testing.h"

namespace weft {
namespace {

using testing::column_of;
using testing::Input;
using testing::like;
using testing::matrix;
using testing::positive;
using testing::row_of;
using testing::scalar;

// Applies f, a function of the standard library, to every element in double.
template <class F>
auto each(F f) {
  return [f](const testing::Variables& a) {
    Tensor y = a[0].value().clone();
    for (double& value : y.values<double>()) value = f(value);
    return Variable(y);
  };
}
// Applies f to every pair of elements that broadcasting pairs, with explicit indices.
template <class F>
auto each_pair(F f) {
  return [f](const testing::Variables& inputs) {
    const Tensor &a = inputs[0].value(), &b = inputs[1].value();
    const Shape shape = broadcast_shapes("reference", a.shape(), b.shape());
    Tensor c = Tensor::empty(shape, DType::f64);
    const auto at = [&](const Tensor& x, i64 element) {
      i64 offset = 0, stride = 1;
      for (int axis = -1; axis >= -shape.rank(); --axis) {
        const i64 index = element % shape[axis];
        element /= shape[axis];
        if (axis < -x.rank()) continue;
        if (x.size(axis) > 1) offset += index * stride;
        stride *= x.size(axis);
      }
      return x.values<double>()[static_cast<std::size_t>(offset)];
    };
    for (i64 i = 0; i < c.elements(); ++i) c.data<double>()[i] = f(at(a, i), at(b, i));
    return Variable(c);
  };
}

WEFT_OP_ROW(neg, {.inputs = {matrix},
                  .op = [](auto& a) { return -a[0]; },
                  .reference = each([](double x) { return -x; })});
WEFT_OP_ROW(exp, {.inputs = {matrix},
                  .op = [](auto& a) { return exp(a[0]); },
                  .reference = each([](double x) { return std::exp(x); })});
WEFT_OP_ROW(log, {.inputs = {positive},
                  .op = [](auto& a) { return log(a[0]); },
                  .reference = each([](double x) { return std::log(x); })});
WEFT_OP_ROW(sqrt, {.inputs = {positive},
                   .op = [](auto& a) { return sqrt(a[0]); },
                   .reference = each([](double x) { return std::sqrt(x); })});
WEFT_OP_ROW(square, {.inputs = {matrix},
                     .op = [](auto& a) { return square(a[0]); },
                     .reference = each([](double x) { return x * x; })});
WEFT_OP_ROW(abs, {.inputs = {matrix},
                  .op = [](auto& a) { return abs(a[0]); },
                  .reference = each([](double x) { return std::abs(x); })});
WEFT_OP_ROW(relu, {.inputs = {matrix},
                   .op = [](auto& a) { return relu(a[0]); },
                   .reference = each([](double x) { return std::max(x, 0.0); }),
                   .errors = {{[] { relu(Tensor::zeros({2}, DType::int64)); },
                               "dtype int64 given; f32 or f64 is required"}}});
WEFT_OP_ROW(gelu,
            {.inputs = {matrix},
             .op = [](auto& a) { return gelu(a[0]); },
             .reference = each([](double x) { return x * 0.5 * std::erfc(-x / std::sqrt(2.0)); })});
WEFT_OP_ROW(silu, {.inputs = {matrix},
                   .op = [](auto& a) { return silu(a[0]); },
                   .reference = each([](double x) { return x / (1 + std::exp(-x)); })});
WEFT_OP_ROW(tanh, {.inputs = {matrix},
                   .op = [](auto& a) { return tanh(a[0]); },
                   .reference = each([](double x) { return std::tanh(x); })});
WEFT_OP_ROW(sigmoid, {.inputs = {matrix},
                      .op = [](auto& a) { return sigmoid(a[0]); },
                      .reference = each([](double x) { return 1 / (1 + std::exp(-x)); })});
WEFT_OP_ROW(affine, {.inputs = {matrix},
                     .op = [](auto& a) { return affine(a[0], -3.0, 0.5); },
                     .reference = each([](double x) { return 0.5 - 3.0 * x; })});

WEFT_OP_ROW(add,
            {.inputs = {matrix, like(0)},
             .op = [](auto& a) { return a[0] + a[1]; },
             .reference = each_pair([](double x, double y) { return x + y; }),
             .errors = {{[] {
                           add(Tensor::zeros({2, 3}), Tensor::zeros({2, 4}));
                         },
                         "(2, 3)"},
                        {[] { add(Tensor::zeros({2}), Tensor::zeros({2}, DType::f64)); },
                         "inputs of f32 and f64; one dtype is required"},
                        {[] { add(Tensor(), Tensor::zeros({2})); }, "an input is undefined"}}});
WEFT_OP_ROW(sub, {.inputs = {matrix, like(0)},
                  .op = [](auto& a) { return a[0] - a[1]; },
                  .reference = each_pair([](double x, double y) { return x - y; })});
WEFT_OP_ROW(mul, {.inputs = {matrix, like(0)},
                  .op = [](auto& a) { return a[0] * a[1]; },
                  .reference = each_pair([](double x, double y) { return x * y; })});
WEFT_OP_ROW(div, {.inputs = {matrix, positive},
                  .op = [](auto& a) { return a[0] / a[1]; },
                  .reference = each_pair([](double x, double y) { return x / y; })});
WEFT_OP_ROW(maximum, {.inputs = {matrix, like(0)},
                      .op = [](auto& a) { return maximum(a[0], a[1]); },
                      .reference = each_pair([](double x, double y) { return std::max(x, y); })});
WEFT_OP_ROW(minimum, {.inputs = {matrix, like(0)},
                      .op = [](auto& a) { return minimum(a[0], a[1]); },
                      .reference = each_pair([](double x, double y) { return std::min(x, y); })});

// Every way to broadcast is tested with an op that saves nothing, one that negates a gradient, and
// one that saves both inputs.
Tensor column(const testing::Draw& draw) { return draw.normal({draw.size.rows, 1}); }
Tensor cube(const testing::Draw& draw) {
  return draw.normal({3, draw.size.rows, 2, draw.size.cols});
}
Tensor middle(const testing::Draw& draw) {
  return draw.normal({draw.size.rows, 1, draw.size.cols});
}

template <class F>
bool add_broadcast_rows(const char* op, const testing::Function& function, F pair) {
  const std::pair<const char*, std::vector<Input>> cases[] = {
      {"row", {matrix, row_of(0)}},       {"row_left", {testing::vector, matrix}},
      {"column", {matrix, column_of(0)}}, {"outer", {column, testing::vector}},
      {"scalar", {matrix, scalar}},       {"scalar_left", {scalar, matrix}},
      {"scalars", {scalar, scalar}},      {"middle", {cube, middle}},
  };
  for (const auto& [variant, inputs] : cases)
    testing::add_op_row(op,
                        {.variant = variant,
                         .inputs = inputs,
                         .op = function,
                         .reference = each_pair(pair),
                         .sizes = {{0, 5}, {5, 0}, {1, 1}, {31, 33}, {129, 65}, {3, 1025}}},
                        __FILE__, __LINE__);
  return true;
}

[[maybe_unused]] const bool added =
    add_broadcast_rows(
        "add", [](auto& a) { return a[0] + a[1]; }, [](double x, double y) { return x + y; }) &&
    add_broadcast_rows(
        "sub", [](auto& a) { return a[0] - a[1]; }, [](double x, double y) { return x - y; }) &&
    add_broadcast_rows(
        "mul", [](auto& a) { return a[0] * a[1]; }, [](double x, double y) { return x * y; });

WEFT_OP_ROW(div, {.variant = "row",
                  .inputs = {matrix, testing::positive_row_of(0)},
                  .op = [](auto& a) { return a[0] / a[1]; },
                  .reference = each_pair([](double x, double y) { return x / y; })});

}  // namespace
}  // namespace weft
