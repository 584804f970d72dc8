// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/gradcheck.h"

#include <algorithm>
#include <cmath>
#include <random>

#include "weft/testing/compare.h"
#include "weft/testing/inputs.h"

namespace weft::testing {
namespace {

// Returns the function's output for these inputs, computed without a tape.
std::vector<double> value_at(const Function& function, const std::vector<Tensor>& inputs) {
  const NoGrad no_grad;
  return function(Variables(inputs.begin(), inputs.end())).value().to_vector<double>();
}

// Returns d<seed, y>/dx[element]. The differences are computed before the sum, which loses fewer
// digits.
double quotient(const Function& function, const std::vector<Tensor>& inputs, double& x,
                const std::vector<double>& seed, double step) {
  const double before = x, up = before + step, down = before - step;
  x = up;
  const std::vector<double> y_up = value_at(function, inputs);
  x = down;
  const std::vector<double> y_down = value_at(function, inputs);
  x = before;
  double sum = 0;
  for (std::size_t i = 0; i < seed.size(); ++i) sum += seed[i] * (y_up[i] - y_down[i]);
  return sum / (up - down);
}

}  // namespace

std::string gradcheck(const std::string& op, const Function& function,
                      const std::vector<Tensor>& given, const GradcheckOptions& options) {
  std::vector<Tensor> inputs;  // copies, whose elements are varied below
  Variables variables;
  for (const Tensor& x : given) {
    WEFT_CHECK(!is_floating(x.dtype()) || x.dtype() == DType::f64,
               "gradcheck: an input of {}; f64 is required", x.dtype());
    const std::vector<std::size_t>& fixed = options.constants;
    const bool varied = is_floating(x.dtype()) &&
                        std::find(fixed.begin(), fixed.end(), inputs.size()) == fixed.end();
    inputs.push_back(x.clone());
    variables.push_back(varied ? Variable::leaf(inputs.back()) : Variable(inputs.back()));
  }
  Tensor seed;
  {
    const Variable y = function(variables);
    std::mt19937_64 engine(1);
    seed = Draw{{}, {}, engine}.normal(y.shape());
    if (y.requires_grad()) y.backward(seed);
  }
  const std::vector<double> seed_values = seed.to_vector<double>();
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    if (!variables[k].is_leaf()) continue;
    const Tensor grad = variables[k].grad();
    for (i64 i = 0; i < inputs[k].elements(); ++i) {
      double& x = inputs[k].data<double>()[i];
      const double wanted =
          quotient(function, inputs, x, seed_values, options.step * std::max(1.0, std::abs(x)));
      // An input that the output does not depend on has no gradient, which means zero.
      const double got = grad.defined() ? grad.data<double>()[i] : 0.0;
      if (!(std::abs(got - wanted) <= options.tolerance * (std::abs(wanted) + 1.0)))
        return fmt::format(
            "{}: the gradient of input {} {} at {} is {}; the difference quotient is {}", op, k,
            inputs[k].shape(), index_text(inputs[k].shape(), i), got, wanted);
    }
  }
  return "";
}

}  // namespace weft::testing
