// SPDX-License-Identifier: Apache-2.0
// A loop of your own that shows what `weft train` shows, and keeps the loss of each step.
#include <weft/weft.h>

#include <algorithm>
#include <cstdio>
#include <vector>

using namespace weft;

// Hears of each step. On a GPU that is a few steps late, so that training waits for nothing.
struct StepLosses : train::TrainerObserver {
  std::vector<double> losses;
  void on_step_end(train::Trainer& trainer, const optim::StepOutcome& outcome) override {
    if (outcome.applied) losses.push_back(trainer.progress().last_step.loss);
  }
};

int main() try {
  const data::Digits digits{{.size = 4000}};
  data::Loader loader{digits, {.batch_size = 20, .shuffle = true, .seed = 1}};
  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 64}, nn::ReLU{}, nn::Linear{64, 10}};
  train::Trainer trainer{
      model, train::classification(), {.optimizer = optim::adamw({.lr = 2e-3}), .epochs = 5}};
  train::set_metrics(trainer, {"accuracy"});
  train::Console console{train::console_on(stdout)};
  StepLosses steps;
  trainer.add_observer(console);
  trainer.add_observer(steps);
  double accuracy = 0;
  for (int epoch = 0; epoch < trainer.options().epochs; ++epoch)
    accuracy = trainer.train_one_epoch(loader).metrics.at("accuracy");
  console.finish();
  std::printf("lowest loss of a step: %.3g, of %zu\n",
              *std::min_element(steps.losses.begin(), steps.losses.end()), steps.losses.size());
  return accuracy < 0.8 ? 1 : 0;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
