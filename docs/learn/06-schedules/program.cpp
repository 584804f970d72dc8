// SPDX-License-Identifier: Apache-2.0
// A learning rate for each step: by hand, by weft, in a loop, and what it does to noisy gradients.
#include <weft/weft.h>

#include <cmath>
#include <cstdio>
#include <numbers>

using namespace weft;

// The factor of the learning rate: four steps of warm-up, then half a cosine to step 20.
double factor_by_hand(int step) {
  if (step < 4) return 0.01 + 0.99 * step / 4;
  return (1 + std::cos(std::numbers::pi * (step - 4) / 16)) / 2;
}

// The loss is w²/2 and w begins at 10. The gradient is w plus noise with mean 0 and variance 1.
// The expectation of w² then follows a formula, so that no random number is needed.
void descend(const char* name, double lr, const optim::ScheduleRecipe& recipe) {
  const auto schedule = recipe.make(optim::ScheduleSpan{.steps_per_epoch = 20, .total_steps = 200});
  double expected_square = 100;
  std::printf("  %-19s", name);
  for (int step = 0; step < 200; ++step) {
    const double now = lr * schedule->lr_factor(step);  // the learning rate of this step
    expected_square = (1 - now) * (1 - now) * expected_square + now * now;
    if (step % 50 == 49) std::printf(" %9.4f", expected_square);
  }
  std::puts("");
}

int main() {
  const auto schedule =
      optim::cosine({.warmup = "4ba"}).make(optim::ScheduleSpan{.total_steps = 20});
  std::puts("step   by hand    with weft");
  for (const int step : {0, 1, 2, 3, 4, 8, 12, 16, 20})
    std::printf("%4d   %.4f     %.4f\n", step, factor_by_hand(step), schedule->lr_factor(step));

  std::puts("a loop of your own");
  const Variable w = Variable::leaf(Tensor::full({}, 1));
  optim::SGD optimizer{nn::NamedParameters{{"w", w, {}, nullptr}}, {.lr = 0.1}};
  for (int step = 0; step < 3; ++step) {
    optimizer.set_lr(optimizer.base_lr() * schedule->lr_factor(optimizer.applied_steps()));
    optimizer.zero_grad();
    square(w).backward();
    optimizer.step();
    std::printf("  lr %.4f  w %.4f\n", optimizer.lr(), w.value().item<double>());
  }

  std::puts("noisy gradients: expected w²");
  std::puts("  after step                50       100       150       200");
  descend("constant 0.5", 0.5, optim::constant());
  descend("constant 0.01", 0.01, optim::constant());
  descend("0.5, a tenth at 5ep", 0.5, optim::multi_step({.milestones = {"5ep"}}));
  descend("cosine from 0.5", 0.5, optim::cosine({.warmup = "10ba"}));
}
