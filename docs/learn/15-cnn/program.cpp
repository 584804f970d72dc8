// SPDX-License-Identifier: Apache-2.0
// A convolutional network from nothing: data, model, training loop, test, and a look at mistakes.
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

struct Net : nn::Module {
  nn::Conv2d conv1{1, 8, 3, {.padding = 1}}, conv2{8, 16, 3, {.padding = 1}};
  nn::BatchNorm norm1{8}, norm2{16};
  nn::Linear head{7 * 7 * 16, 10};

  void parts(nn::Parts& p) override {
    p("conv1", conv1)("norm1", norm1)("conv2", conv2)("norm2", norm2)("head", head);
  }
  Variable forward(const Variable& x) override {
    const Variable a = max_pool2d(relu(norm1(conv1(x))), {.kernel = 2});  // 14 x 14
    const Variable b = max_pool2d(relu(norm2(conv2(a))), {.kernel = 2});  // 7 x 7
    return head(flatten(b));
  }
};

// Prints the picture in characters, every second row, as characters are higher than wide.
void draw(const Variable& x) {
  const std::vector<float> pixels = x.value().to_vector<float>();
  for (std::size_t i = 0; i < pixels.size(); ++i) {
    if (i / 28 % 2 == 0) std::putchar(pixels[i] > 0.6f ? '#' : pixels[i] > 0.25f ? '+' : ' ');
    if (i % 56 == 27) std::putchar('\n');
  }
}

}  // namespace

int main() {
  manual_seed(1);
  const data::Digits train_set{{.size = 4000}}, test_set{{.split = "test", .size = 1000}};
  data::Loader train_loader{train_set, {.batch_size = 50, .shuffle = true, .seed = 1}};
  data::Loader test_loader{test_set, {.batch_size = 250}};
  const train::InputPipeline input{train_set.info(), {}, Cpu{}};
  Net model;
  optim::AdamW optimizer{model.named_parameters(), {.lr = 3e-3}};
  train::Evaluator evaluator{model, train::classification()};
  for (int epoch = 1; epoch <= 4; ++epoch) {
    for (const data::Batch& batch : train_loader) {
      const auto [x, y] = input(batch);
      optimizer.zero_grad();
      cross_entropy(model(x), y).backward();
      optimizer.step();
    }
    std::printf("epoch %d  test accuracy %.2f\n", epoch, evaluator.evaluate(test_loader).accuracy);
  }
  save(model, "digits.safetensors");
}
