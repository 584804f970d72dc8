// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <cmath>

#include "exercise.h"

std::vector<double> softmax_of(const std::vector<double>& logits);
std::vector<std::vector<double>> loss_gradient(std::vector<std::vector<double>> probabilities,
                                               const std::vector<int>& labels);
double smoothed_loss(const std::vector<double>& probabilities, int label, double s);

namespace {

void test_1() {
  learn::expect("softmax_of({0, 0})", softmax_of({0, 0}), {0.5, 0.5});
  const double e = std::exp(1.0), sum = e * e + e + 1;
  learn::expect("softmax_of({2, 1, 0})", softmax_of({2, 1, 0}), {e * e / sum, e / sum, 1 / sum});
  learn::expect("softmax_of({10000, 10000})", softmax_of({10000, 10000}), {0.5, 0.5});
  learn::expect("softmax_of({-5000, 0})", softmax_of({-5000, 0}), {0, 1});
}

void test_2() {
  const auto one = loss_gradient({{0.5, 0.25, 0.25}}, {2});
  learn::expect(one.size() == 1, "the gradient of one sample must have one row");
  learn::expect("the gradient for p = {0.5, 0.25, 0.25} and label 2", one[0], {0.5, 0.25, -0.75});
  const auto two = loss_gradient({{0.5, 0.5}, {0.25, 0.75}}, {0, 1});
  learn::expect(two.size() == 2, "the gradient of two samples must have two rows");
  learn::expect("row 0 of the gradient of two samples", two[0], {-0.25, 0.25});
  learn::expect("row 1 of the gradient of two samples", two[1], {0.125, -0.125});
}

void test_3() {
  using namespace weft;
  const std::vector<double> logits{2, 1, 0, -1};
  const Variable x(Tensor::copy_of(logits, {1, 4}));
  const Tensor label = Tensor::copy_of(std::vector<i64>{1}, {1});
  const std::vector<double> p = softmax(x).value().to_vector<double>();
  for (const double s : {0.0, 0.1, 0.4})
    learn::expect(
        "the loss of the logits {2, 1, 0, -1} for label 1 and s = " + fmt::format("{}", s),
        smoothed_loss(p, 1, s), cross_entropy(x, label, s).value().item<double>());
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
