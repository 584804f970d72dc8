// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "exercise.h"
#include "nodes.h"

Local divide(double a, double b);
std::vector<double> gradients(const std::vector<Node>& tape);
weft::Variable cube(const weft::Variable& x);

namespace {

void test_1() {
  const Local result = divide(3, 4);
  learn::expect("the value of 3 / 4", result.value, 0.75);
  learn::expect("the derivative of a / b by a, for 3 / 4,", result.by_left, 0.25);
  learn::expect("the derivative of a / b by b, for 3 / 4,", result.by_right, -0.1875);
}

void test_2() {
  learn::expect("gradients() of one leaf", gradients({{-1, -1, 0, 0}}), {1});
  learn::expect(
      "gradients() of the chapter's tape: a, b, a·b, a·b + a, its square",
      gradients({{-1, -1, 0, 0}, {-1, -1, 0, 0}, {0, 1, 3, 2}, {2, 0, 1, 1}, {3, 3, 8, 8}}),
      {64, 32, 16, 16, 1});
  learn::expect("gradients() of a tape with an unused leaf: a, b, 5·a",
                gradients({{-1, -1, 0, 0}, {-1, -1, 0, 0}, {0, -1, 5, 0}}), {5, 0, 1});
}

void test_3() {
  using namespace weft;
  const Variable x = Variable::leaf(Tensor::copy_of(std::vector<double>{2, -1}, {2}));
  const Variable y = cube(x);
  learn::expect("cube({2, -1})", y.value().to_vector<double>(), {8, -1});
  y.backward(Tensor::copy_of(std::vector<double>{1, 10}, {2}));
  learn::expect("the gradient of cube({2, -1}) for dy = {1, 10}", x.grad().to_vector<double>(),
                {12, 30});
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
