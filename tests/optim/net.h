// SPDX-License-Identifier: Apache-2.0
// A small set of parameters for the tests of optimizers.
#pragma once
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "weft/core/error.h"
#include "weft/optim/optimizer.h"

namespace weft::optim {

// Three parameters in f64. backward() sets the gradient of each trained one to its value + 1.
struct Net {
  nn::NamedParameters parameters;
  Net() {
    add("fc1.weight", {3, 5});
    add("fc1.bias", {3});
    add("fc2.weight", {40, 1000});
  }
  void add(const char* name, const Shape& shape) {
    std::vector<double> values;
    for (i64 i = 0; i < shape.elements(); ++i)
      values.push_back(std::sin(0.7 * static_cast<double>(i)));
    parameters.push_back({name, Variable::leaf(Tensor::copy_of(values, shape), name), {}});
  }
  Leaf& leaf(int i) { return *parameters[static_cast<std::size_t>(i)].variable.leaf_state(); }
  void backward(int i) {
    if (!leaf(i).requires_grad) return;
    const auto value = leaf(i).value.values<double>();
    const auto grad = leaf(i).grad.values<double>();
    for (std::size_t j = 0; j < grad.size(); ++j) grad[j] = value[j] + 1;
    leaf(i).has_grad = true;
  }
  void backward() {
    for (int i = 0; i < 3; ++i) backward(i);
  }
  std::vector<double> values(int i) { return leaf(i).value.to_vector<double>(); }
  std::vector<double> values() {
    std::vector<double> all;
    for (int i = 0; i < 3; ++i)
      for (const double value : values(i)) all.push_back(value);
    return all;
  }
};

inline void train(Net& net, Optimizer& opt, int steps) {
  for (int k = 0; k < steps; ++k) {
    opt.zero_grad();
    net.backward();
    opt.step();
  }
}

inline std::string message_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const UserError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace weft::optim
