// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

int main() try {
  manual_seed(1);
  data::Digits train_set{{.split = "train", .size = 20000}},
      test_set{{.split = "test", .size = 1000}};
  data::Loader train_loader{train_set, {.batch_size = 64, .shuffle = true, .seed = 1}};
  data::Loader test_loader{test_set, {.batch_size = 250}};

  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 128}, nn::ReLU{}, nn::Linear{128, 10}};
  std::fputs(model.summary(train_set.info().sample).c_str(), stdout);

  train::Trainer trainer{model,
                         train::classification(),
                         {.optimizer = optim::adamw({.lr = 2e-3}),
                          .scheduler = optim::cosine({.warmup = "1ep"}),
                          .epochs = 5}};
  for (int epoch = 1; epoch <= 5; ++epoch)
    std::printf("epoch %d  loss %.4f\n", epoch, trainer.train_one_epoch(train_loader).loss);

  train::Evaluator evaluator{model, train::classification()};
  const double accuracy = evaluator.evaluate(test_loader).accuracy;
  std::printf("test accuracy %.4f\n", accuracy);
  save(model, "digits.safetensors");
  return accuracy > 0.9 ? 0 : 1;
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
