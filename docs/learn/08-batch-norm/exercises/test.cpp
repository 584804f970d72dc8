// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "exercise.h"
#include "norm.h"

std::vector<double> batch_norm(const std::vector<double>& x, double gamma, double beta, double eps);
std::vector<double> batch_norm_backward(const std::vector<double>& x,
                                        const std::vector<double>& dy);
void fold(weft::nn::Linear& linear, weft::nn::BatchNorm& norm);

namespace {

void test_1() {
  learn::expect("batch_norm({2, 4, 4, 10}, 2, 1, 0)", batch_norm({2, 4, 4, 10}, 2, 1, 0),
                {-1, 1 / 3.0, 1 / 3.0, 13 / 3.0});
  learn::expect("batch_norm({5, 5}, 1, 7, 0.01), where the variance is 0,",
                batch_norm({5, 5}, 1, 7, 0.01), {7, 7});
  learn::expect("batch_norm({0, 2}, 1, 0, 3), where the variance is 1,",
                batch_norm({0, 2}, 1, 0, 3), {-0.5, 0.5});
}

void test_2() {
  learn::expect("batch_norm_backward({2, 4, 4, 10}, {1, 0, 0, 0})",
                batch_norm_backward({2, 4, 4, 10}, {1, 0, 0, 0}),
                {1 / 6.0, -1 / 9.0, -1 / 9.0, 1 / 18.0});
  learn::expect("batch_norm_backward({2, 4, 4, 10}, {1, 1, 1, 1})",
                batch_norm_backward({2, 4, 4, 10}, {1, 1, 1, 1}), {0, 0, 0, 0});
}

void test_3() {
  using namespace weft;
  manual_seed(1);
  nn::Linear linear{3, 2};
  nn::BatchNorm norm{2};
  Generator generator(7);
  for (const Tensor& t :
       {norm.weight.value(), norm.bias.value(), norm.running_mean.value, norm.running_var.value})
    generator.uniform(t, 0.5, 2);
  norm.eval();
  Tensor x = Tensor::empty({4, 3});
  generator.normal(x, 0, 1);
  const std::vector<float> wanted = norm(linear(x)).value().to_vector<float>();
  fold(linear, norm);
  const std::vector<float> folded = linear(x).value().to_vector<float>();
  learn::expect("the output of the folded Linear", {folded.begin(), folded.end()},
                {wanted.begin(), wanted.end()}, 1e-4);
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
