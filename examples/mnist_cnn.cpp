// SPDX-License-Identifier: Apache-2.0
// A convolutional network on MNIST, as a module of one's own that a Trainer trains.
// Usage: example_mnist_cnn [FOLDER [EPOCHS]], as example_mnist_mlp.
#include <weft/weft.h>

#include <cstdio>
#include <cstdlib>

using namespace weft;

namespace {

struct Net : nn::Module {
  nn::Conv2d conv1{1, 32, 3, {.padding = 1}}, conv2{32, 64, 3, {.padding = 1}};
  nn::Linear fc1{7 * 7 * 64, 128}, fc2{128, 10};

  void parts(nn::Parts& p) override { p("conv1", conv1)("conv2", conv2)("fc1", fc1)("fc2", fc2); }
  Variable forward(const Variable& x) override {
    const Variable a = max_pool2d(relu(conv1(x)), {.kernel = 2, .stride = 2});
    const Variable b = max_pool2d(relu(conv2(a)), {.kernel = 2, .stride = 2});
    return fc2(relu(fc1(flatten(b))));
  }
};

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "";
  const int epochs = argc > 2 ? std::atoi(argv[2]) : 3;
  manual_seed(1);
  const data::Mnist train_set{folder, "train"}, test_set{folder, "test"};
  data::Loader train_loader{train_set, {.batch_size = 64, .shuffle = true, .seed = 1}};
  data::Loader test_loader{test_set, {.batch_size = 500}};

  Net model;
  std::fputs(model.summary(train_set.info().sample).c_str(), stdout);
  train::Trainer trainer{model,
                         train::classification(),
                         {.optimizer = optim::adamw({.lr = 1e-3, .weight_decay = 0.01}),
                          .scheduler = optim::cosine(),
                          .epochs = epochs}};
  train::Evaluator evaluator{model, train::classification()};
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    const double loss = trainer.train_one_epoch(train_loader).loss;
    std::printf("epoch %d  loss %.4f  test accuracy %.4f\n", epoch, loss,
                evaluator.evaluate(test_loader).accuracy);
  }
  save(model, "mnist_cnn.safetensors");
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
