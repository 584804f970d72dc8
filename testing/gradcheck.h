// SPDX-License-Identifier: Apache-2.0
// Checks that a gradient is the derivative of its function: every element is compared with a
// central difference quotient.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "weft/autograd/variable.h"

namespace weft::testing {

using Variables = std::vector<Variable>;
using Function = std::function<Variable(const Variables&)>;

struct GradcheckOptions {
  double step = 1e-5;                       // the step of the difference is step·max(1, |x|)
  double tolerance = 1e-6;                  // the largest error is tolerance·(|quotient| + 1)
  std::vector<std::size_t> constants = {};  // inputs that are not varied
};

// Compares, for every element of every floating input, the gradient of <seed, function(inputs)> for
// a random seed with its central difference quotient. Returns "" or one line with the op, the
// input, the index and both values. Floating inputs must be f64 (UserError otherwise); other inputs
// are not varied. The function must return the same result each time, and must be smooth around the
// inputs.
std::string gradcheck(const std::string& op, const Function& function,
                      const std::vector<Tensor>& inputs, const GradcheckOptions& options = {});

}  // namespace weft::testing
