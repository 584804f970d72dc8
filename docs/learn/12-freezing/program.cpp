// SPDX-License-Identifier: Apache-2.0
// Freezing and unfreezing: the state of two weights by hand, then a network that learns new digits.
#include <weft/device/parallel.h>
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

void by_hand() {
  nn::Sequential model{nn::Linear{1, 1, {.bias = false}}, nn::Linear{1, 1, {.bias = false}}};
  const Variable a = model.named_parameters()[0].variable, b = model.named_parameters()[1].variable;
  a.value().fill(2);
  b.value().fill(3);
  optim::SGD optimizer{model.named_parameters(), {.lr = 0.1, .momentum = 0.5}};
  for (int step = 1; step <= 4; ++step) {
    if (step == 2 || step == 4) {
      a.set_requires_grad(step == 4);
      const optim::RebuildReport report = optimizer.rebuild();
      std::printf("rebuild: %zu kept, %zu stashed, %zu restored\n", report.kept.size(),
                  report.stashed.size(), report.restored.size());
    }
    optimizer.zero_grad();
    sum(model(Tensor::full({1, 1}, 1))).backward();
    optimizer.step();
    std::printf("step %d: a %.4f  b %.4f\n", step, a.value().item<double>(), b.value().item<double>());
  }
}

// Trains the parameters that `trained` matches, and returns the accuracy on outlined digits.
double accuracy_after(nn::Module& model, const char* trained, const data::Digits& digits, double lr) {
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
  train::Trainer trainer{model, train::classification(), {.optimizer = optim::adamw({.lr = lr})}};
  trainer.set_requires_grad("*", false);
  trainer.set_requires_grad(trained, true);
  trainer.rebuild_optimizer_and_scheduler();
  for (int epoch = 0; epoch < 10; ++epoch) trainer.train_one_epoch(loader);
  const data::Digits test{{.style = data::DigitsStyle::outline, .split = "test", .size = 500}};
  data::Loader test_loader{test, {.batch_size = 250}};
  return train::Evaluator{model, train::classification()}.evaluate(test_loader).accuracy;
}

}  // namespace

int main() {
  by_hand();
  set_threads(1);
  manual_seed(1);
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
  model.to(DType::f64);
  const data::Digits strokes{{.size = 1000}}, outlines{{.style = data::DigitsStyle::outline, .size = 100}};
  std::printf("trained on strokes: %.3f\n", accuracy_after(model, "*", strokes, 3e-3));
  nn::Sequential head_only = clone(model), both = clone(model);
  std::printf("head: %.3f\n", accuracy_after(head_only, "3.*", outlines, 3e-3));
  std::printf("head, then all: %.3f", accuracy_after(both, "3.*", outlines, 3e-3));
  std::printf(" %.3f\n", accuracy_after(both, "*", outlines, 3e-3));
  nn::Sequential fresh{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
  fresh.to(DType::f64);
  std::printf("fresh: %.3f\n", accuracy_after(fresh, "*", outlines, 3e-3));
}
