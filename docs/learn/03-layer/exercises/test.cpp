// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <weft/weft.h>

#include "exercise.h"
#include "matrix.h"

Matrix layer(const Matrix& x, const Matrix& w, const std::vector<double>& b);
Matrix weight_gradient(const Matrix& dy, const Matrix& x);
weft::nn::Sequential absolute();

namespace {

void expect_matrix(const std::string& what, const Matrix& actual, const Matrix& required) {
  learn::expect("the number of rows of " + what, static_cast<double>(actual.size()),
                static_cast<double>(required.size()));
  for (std::size_t i = 0; i < actual.size(); ++i)
    learn::expect(fmt::format("row {} of {}", i, what), actual[i], required[i]);
}

void test_1() {
  expect_matrix("layer() of the chapter", layer({{1, 2}, {3, -1}}, {{2, 1}, {-1, 3}}, {0.5, -1}),
                {{4.5, 4}, {5.5, -7}});
  expect_matrix("layer() of 3 samples, 1 input and 2 neurons",
                layer({{1}, {2}, {3}}, {{2}, {-1}}, {0, 10}), {{2, 9}, {4, 8}, {6, 7}});
}

void test_2() {
  expect_matrix("weight_gradient() of the chapter",
                weight_gradient({{1, 0}, {2, -1}}, {{1, 2}, {3, -1}}), {{7, 0}, {-3, 1}});
  expect_matrix("weight_gradient() of 1 sample, 3 inputs and 2 neurons",
                weight_gradient({{2, -1}}, {{1, 2, 3}}), {{2, 4, 6}, {-1, -2, -3}});
}

void test_3() {
  using namespace weft;
  nn::Sequential network = absolute();
  const std::vector<float> x{-2, -0.5, 0, 3};
  const auto y = network(Tensor::copy_of(x, {4, 1})).value().to_vector<float>();
  for (std::size_t i = 0; i < x.size(); ++i)
    learn::expect(fmt::format("the output of the network for x = {}", x[i]), y[i], std::abs(x[i]));
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
