// SPDX-License-Identifier: Apache-2.0
// Freezing: the state of two weights by hand, then a network that learns digits of another style.
#include <weft/device/parallel.h>
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

// The output of two weights is b·a·1, and the loss is the output. a is frozen in steps 2 and 3.
void by_hand() {
  nn::Sequential model{nn::Linear{1, 1, {.bias = false}}, nn::Linear{1, 1, {.bias = false}}};
  const nn::NamedParameters p = model.named_parameters();
  const Variable a = p[0].variable, b = p[1].variable;
  a.value().fill(2);
  b.value().fill(3);
  optim::SGD optimizer{p, {.lr = 0.1, .momentum = 0.5}};
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
    std::printf("step %d  a %.4f  b %.4f\n", step, a.value().item<double>(),
                b.value().item<double>());
  }
}

// Trains the parameters that a glob matches. Returns the accuracy on outlined test digits.
double train_on(const data::Digits& digits, nn::Module& model, const char* glob) {
  static const data::Digits test{{data::DigitsStyle::outline, "test", 500}};
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1, .workers = 0}},
      test_loader{test, {}};
  train::Trainer trainer{model, train::classification(), {.optimizer = optim::adamw({.lr = 3e-3})}};
  trainer.set_requires_grad("*", false);
  trainer.set_requires_grad(glob, true);
  trainer.rebuild_optimizer_and_scheduler();
  for (int epoch = 0; epoch < 10; ++epoch) trainer.train_one_epoch(loader);
  return train::Evaluator{model, train::classification()}.evaluate(test_loader).accuracy;
}

int main() {
  by_hand();
  set_threads(1);  // the layers are small
  manual_seed(1);
  const data::Digits strokes{{.size = 2000}}, few{{data::DigitsStyle::outline, "train", 100}};
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
  model.to(DType::f64);
  nn::Sequential fresh = clone(model);
  std::printf("all, 2000 strokes       %.2f\n", train_on(strokes, model, "*"));
  std::printf("then head, 100 outlines %.2f\n", train_on(few, model, "3.*"));
  std::printf("then all, 100 outlines  %.2f\n", train_on(few, model, "*"));
  std::printf("fresh, 100 outlines     %.2f\n", train_on(few, fresh, "*"));
}
