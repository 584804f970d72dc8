// SPDX-License-Identifier: Apache-2.0
#include "weft/tests/parity/parity_ops.h"

#include <cstdio>
#include <fstream>
#include <functional>
#include <map>
#include <vector>

#include <nlohmann/json.hpp>

#include "weft/autograd/ops.h"
#include "weft/nn/safetensors.h"

namespace weft {
namespace {

using Arguments = nlohmann::json;
using Variables = std::vector<Variable>;

// Calls f with a list of these numbers. Lists in braces, which the ops take, cannot be made from a
// vector.
template <class F>
Variable with_axes(const std::vector<int>& a, const F& f) {
  switch (a.size()) {
    case 1: return f({a[0]});
    case 2: return f({a[0], a[1]});
    case 3: return f({a[0], a[1], a[2]});
    case 4: return f({a[0], a[1], a[2], a[3]});
    case 5: return f({a[0], a[1], a[2], a[3], a[4]});
    default: fail("parity_ops: {} axes given; 1 to 5 are required", a.size());
  }
}
using Axes = std::initializer_list<int>;

template <class Op>
Variable over_axes(const Arguments& a, const Op& op) {
  const bool keepdim = a.at("keepdim");
  return with_axes(a.at("axes"), [&](Axes axes) { return op(axes, keepdim); });
}

Reduction reduction_of(const Arguments& a) {
  const std::string name = a.at("reduction");
  return name == "none" ? Reduction::none : name == "sum" ? Reduction::sum : Reduction::mean;
}

// PyTorch's (batch, classes, …) as weft's (rows, classes).
Variable rows_of_classes(const Variable& x) {
  std::vector<int> order = {0};
  for (int axis = 2; axis < x.value().rank(); ++axis) order.push_back(axis);
  order.push_back(1);
  const Variable last = with_axes(order, [&](Axes axes) { return permute(x, axes); });
  return reshape(last, {-1, x.shape()[1]});
}

Variable cross_entropy_of(const Variables& x, const Arguments& a) {
  CrossEntropyOptions options{.reduction = reduction_of(a)};
  if (x.size() > 2) options.class_weights = x[2].value();
  if (a.contains("ignore_index")) options.ignore_index = a["ignore_index"].get<i64>();
  const Variable logits = rows_of_classes(x[0]);
  return is_floating(x[1].dtype()) ? cross_entropy(logits, rows_of_classes(x[1]), options)
                                   : cross_entropy(logits, x[1].value().reshape({-1}), options);
}

Variables value_and_index(ChoiceResult choice) { return {choice.value, choice.index}; }

Variables split_of(const Variables& x, const Arguments& a) {
  const int axis = a.at("axis");
  if (a.at("size").is_number()) return split(x[0], a["size"].get<i64>(), axis);
  return split(x[0], a["size"].get<std::vector<i64>>(), axis);
}

Variable pad_of(const Variables& x, const Arguments& a) {
  Variable y = x[0];
  for (const auto& side : a.at("sides")) y = pad(y, side[0], side[1], side[2], a.at("value"));
  return y;
}

Variable var_of(const Variables& x, const Arguments& a) {
  return over_axes(a, [&](Axes axes, bool keepdim) {
    return var(x[0], axes, {.correction = a.at("correction"), .keepdim = keepdim});
  });
}

double bound_of(const Arguments& bound) { return std::stod(bound.get<std::string>()); }

using Op = std::function<Variables(const Variables& x, const Arguments& a)>;

#define WEFT_OP(name, ...)                                                            \
  {                                                                                   \
#name, []([[maybe_unused]] const Variables& x,                                    \
              [[maybe_unused]] const Arguments& a) { return Variables{__VA_ARGS__}; } \
  }
#define WEFT_COMPARISON(name) WEFT_OP(name, Variable(name(x[0].value(), x[1].value())))
#define WEFT_REDUCTION(name) \
  WEFT_OP(name, over_axes(a, [&](Axes axes, bool keepdim) { return name(x[0], axes, keepdim); }))
#define WEFT_SUM(name)                                                      \
  {                                                                         \
#name, [](const Variables& x, const Arguments& a) {                       \
     if (a.contains("axis")) return Variables{name(x[0], a["axis"].get<int>())}; \
     if (!a.contains("axes")) return Variables{name(x[0])};                  \
     return Variables{over_axes(                                             \
         a, [&](Axes axes, bool keepdim) { return name(x[0], axes, keepdim); })}; \
   } \
  }
const std::map<std::string, Op>& ops() {
  static const std::map<std::string, Op> all = {
      WEFT_OP(narrow, narrow(x[0], a["axis"], a["begin"], a["length"])),
      {"split", split_of},
      {"chunk",
       [](const Variables& x, const Arguments& a) { return chunk(x[0], a["count"], a["axis"]); }},
      WEFT_OP(concat, concat(x, a["axis"])),
      WEFT_OP(stack, stack(x, a["axis"])),
      WEFT_OP(pad, pad_of(x, a)),
      WEFT_OP(index_select, index_select(x[0], a["axis"], x[1].value())),
      WEFT_OP(gather, gather(x[0], a["axis"], x[1].value())),
      WEFT_OP(where, where(x[0].value(), x[1], x[2])),
      WEFT_OP(masked_fill, masked_fill(x[0], x[1].value(), a["value"])),
      WEFT_COMPARISON(eq),
      WEFT_COMPARISON(ne),
      WEFT_COMPARISON(lt),
      WEFT_COMPARISON(le),
      WEFT_COMPARISON(gt),
      WEFT_COMPARISON(ge),
      WEFT_OP(one_hot, Variable(one_hot(x[0].value(), a["classes"]))),
      WEFT_OP(arange,
              Variable(arange(a["begin"], a["end"], dtype_named(a["dtype"].get<std::string>())))),
      WEFT_OP(pow, pow(x[0], a["exponent"].get<double>())),
      WEFT_OP(clamp, clamp(x[0], bound_of(a["low"]), bound_of(a["high"]))),
      WEFT_OP(maximum, maximum(x[0], x[1])),
      WEFT_OP(minimum, minimum(x[0], x[1])),
      WEFT_SUM(sum),
      WEFT_SUM(mean),
      WEFT_REDUCTION(amax),
      WEFT_REDUCTION(amin),
      WEFT_OP(var, var_of(x, a)),
      {"max", [](const Variables& x,
                 const Arguments& a) { return value_and_index(max(x[0], a["axis"].get<int>())); }},
      {"min", [](const Variables& x,
                 const Arguments& a) { return value_and_index(min(x[0], a["axis"].get<int>())); }},
      WEFT_OP(argmax, Variable(argmax(x[0].value(), a["axis"]))),
      WEFT_OP(argmin, Variable(argmin(x[0].value(), a["axis"]))),
      {"top_k", [](const Variables& x,
                   const Arguments& a) { return value_and_index(top_k(x[0], a["k"].get<i64>())); }},
      WEFT_OP(matmul, matmul(x[0], x[1])),
      WEFT_OP(mse, mse(x[0], x[1], reduction_of(a))),
      WEFT_OP(l1, l1(x[0], x[1], reduction_of(a))),
      WEFT_OP(huber, huber(x[0], x[1], a.value("delta", 1.0), reduction_of(a))),
      WEFT_OP(bce_with_logits, bce_with_logits(x[0], x[1], reduction_of(a))),
      WEFT_OP(cross_entropy, cross_entropy_of(x, a)),
  };
  return all;
}
#undef WEFT_OP
#undef WEFT_COMPARISON
#undef WEFT_REDUCTION
#undef WEFT_SUM

void run_case(const std::string& number, const Arguments& a, const TensorMap& tensors,
              TensorMap& results) {
  Variables inputs;
  for (std::size_t i = 0; i < a.at("inputs"); ++i)
    inputs.emplace_back(tensors.at(fmt::format("{}.input.{}", number, i)));
  for (const std::size_t i : a.at("leaves")) inputs[i] = Variable::leaf(inputs[i].value());
  const Variables outputs = ops().at(a.at("op"))(inputs, a);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    results[fmt::format("{}.result.{}", number, i)] = outputs[i].value();

  // The gradient of Σ output·seed at an output is its seed. Indices have none.
  if (a.at("seeds") == 0) return;
  Variable total = Tensor::zeros({}, outputs[0].dtype());
  for (std::size_t i = 0; i < a.at("seeds"); ++i)
    total = total + sum(outputs[i] * Variable(tensors.at(fmt::format("{}.seed.{}", number, i))));
  total.backward();
  for (const std::size_t i : a.at("leaves"))
    results[fmt::format("{}.gradient.{}", number, i)] = inputs[i].grad();
}

}  // namespace

void run_ops(const std::string& cases, const std::string& tensors, const std::string& results) {
  std::ifstream file(cases);
  const auto list = nlohmann::json::parse(file);
  const TensorMap given = read_safetensors(tensors);
  TensorMap found;
  for (std::size_t i = 0; i < list.size(); ++i) {
    try {
      run_case(std::to_string(i), list[i], given, found);
    } catch (const Error& error) {
      std::fprintf(stderr, "case %zu, %s: %s\n", i, list[i].dump().c_str(), error.what());
    }
  }
  write_safetensors(results, found);
}

}  // namespace weft
