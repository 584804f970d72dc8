// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include "adam_weight.h"
#include "exercise.h"

void momentum_step(std::vector<double>& w, std::vector<double>& sum,
                   const std::vector<double>& gradient, double lr, double momentum);
void adamw_step(AdamWeight& weight, double gradient, double lr, double decay);
std::vector<double> fit_line(const weft::Tensor& x, const weft::Tensor& y);

namespace {

void test_1() {
  std::vector<double> w{1, 4}, sum{0, 0};
  momentum_step(w, sum, {10, 4}, 0.08, 0.5);
  learn::expect("w after the first step of the chapter", w, {0.2, 3.68});
  momentum_step(w, sum, {2, 3.68}, 0.08, 0.5);
  learn::expect("w after the second step of the chapter", w, {-0.36, 3.2256});
  learn::expect("the running sum after the second step", sum, {7, 5.68});
}

void test_2() {
  using namespace weft;
  const Variable w = Variable::leaf(Tensor::copy_of(std::vector<double>{1}, {1}));
  optim::AdamW optimizer{nn::NamedParameters{{"w", w, {}, nullptr}},
                         {.lr = 0.5, .weight_decay = 0.1}};
  AdamWeight weight{.w = 1};
  for (int step = 1; step <= 4; ++step) {
    adamw_step(weight, 10 * weight.w, 0.5, 0.1);
    optimizer.zero_grad();
    sum(square(w) * 5.0).backward();
    optimizer.step();
    learn::expect("w after step " + std::to_string(step) + " with the gradient 10·w", weight.w,
                  w.value().item<double>());
  }
}

void test_3() {
  using namespace weft;
  manual_seed(1);
  const Tensor x = Tensor::copy_of(std::vector<float>{-1, 0, 1, 2}, {4, 1});
  const std::vector<double> line =
      fit_line(x, Tensor::copy_of(std::vector<float>{-1, 2, 5, 8}, {4, 1}));
  learn::expect("{slope, intercept} of the line through (-1, -1), (0, 2), (1, 5) and (2, 8)", line,
                {3, 2}, 0.01);
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
