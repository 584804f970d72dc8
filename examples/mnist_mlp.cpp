// SPDX-License-Identifier: Apache-2.0
// A multilayer perceptron on MNIST, with the loop that a Trainer runs written out.
// Usage: example_mnist_mlp [FOLDER [EPOCHS]], where FOLDER has the four IDX files of MNIST; without
// it they are looked for in $WEFT_DATA_DIR/mnist and data/mnist.
#include <weft/weft.h>

#include <cstdio>
#include <cstdlib>

using namespace weft;

namespace {

double accuracy_on(const data::Dataset& samples, const train::InputPipeline& input,
                   nn::Module& model) {
  data::Loader loader{samples, {.batch_size = 1000}};
  const NoGrad no_grad;
  const nn::EvalMode evaluation{model};
  i64 right = 0;
  for (const data::Batch& batch : loader) {
    const auto [x, y] = input(batch);
    const std::vector<i64> guesses = argmax(model(x).value(), 1).to_vector<i64>();
    const std::vector<i64> labels = y.to_vector<i64>();
    for (std::size_t i = 0; i < labels.size(); ++i) right += guesses[i] == labels[i] ? 1 : 0;
  }
  return static_cast<double>(right) / static_cast<double>(samples.size());
}

}  // namespace

int main(int argc, char** argv) try {
  const std::string folder = argc > 1 ? argv[1] : "";
  const int epochs = argc > 2 ? std::atoi(argv[2]) : 5;
  manual_seed(1);
  const data::Mnist train_set{folder, "train"}, test_set{folder, "test"};
  data::Loader loader{train_set, {.batch_size = 64, .shuffle = true, .seed = 1}};
  const train::InputPipeline input{train_set.info(), std::nullopt, Cpu{}};

  nn::Sequential model{nn::Flatten{}, nn::Linear{784, 256}, nn::ReLU{}, nn::Linear{256, 10}};
  optim::AdamW optimizer{model.named_parameters(), {.lr = 1e-3}};
  for (int epoch = 1; epoch <= epochs; ++epoch) {
    double sum = 0;
    for (const data::Batch& batch : loader) {
      const auto [x, y] = input(batch);
      optimizer.zero_grad();
      const Variable loss = cross_entropy(model(x), y);
      loss.backward();
      optimizer.step();
      sum += loss.value().item<double>() * static_cast<double>(y.size(0));
    }
    std::printf("epoch %d  loss %.4f  test accuracy %.4f\n", epoch,
                sum / static_cast<double>(train_set.size()), accuracy_on(test_set, input, model));
  }
} catch (const Error& e) {
  std::fprintf(stderr, "%s\n", e.what());
  return e.exit_code();
}
