// SPDX-License-Identifier: Apache-2.0
// Two loops of your own: by hand with gradient accumulation, and with the steps of a Trainer.
#include <weft/weft.h>

#include <cstdio>
#include <optional>

using namespace weft;

namespace {

constexpr int kEpochs = 5;

// Each step uses the gradient of the mean loss over four batches.
void train_by_hand(nn::Module& model, const data::Digits& digits) {
  data::Loader loader{digits, {.batch_size = 16, .shuffle = true, .seed = 1}};
  const train::InputPipeline input{digits.info(), std::nullopt, Cpu{}};
  optim::AdamW optimizer{model.named_parameters(), {.lr = 2e-3}};
  train::GradientAccumulator accumulator{optimizer, {.micro_batches = 4, .clip_norm = 1}};
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    for (const data::Batch& batch : loader) {
      const auto [x, y] = input(batch);
      accumulator.backward(cross_entropy(model(x), y), static_cast<double>(y.size(0)));
    }
    accumulator.step();  // with the batches since the last step
  }
}

void train_step_by_step(nn::Module& model, const data::Digits& digits) {
  data::Loader loader{digits, {.batch_size = 16, .shuffle = true, .seed = 1}};
  train::Trainer trainer{
      model, train::classification(), {.optimizer = optim::adamw({.lr = 2e-3}), .accumulate = 4}};
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    trainer.begin_epoch(loader);
    while (trainer.train_step())
      if (trainer.progress().steps_begun % 50 == 0) std::puts("50 steps");
    std::printf("loss %.4f\n", trainer.end_epoch().loss);
  }
}

}  // namespace

int main() try {
  const data::Digits digits{{.size = 4000}}, test_set{{.split = "test", .size = 1000}};
  data::Loader test_loader{test_set, {.batch_size = 250}};
  for (const auto loop : {train_by_hand, train_step_by_step}) {
    manual_seed(1);
    nn::Sequential model{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
    loop(model, digits);
    train::Evaluator evaluator{model, train::classification()};
    const double accuracy = evaluator.evaluate(test_loader).accuracy;
    std::printf("test accuracy %.4f\n", accuracy);
    if (accuracy < 0.6) return 1;
  }
  return 0;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
