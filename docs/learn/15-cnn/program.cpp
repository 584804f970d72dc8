// SPDX-License-Identifier: Apache-2.0
// A convolutional network from nothing: data, model, training loop, test, and a look at mistakes.
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

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

// Prints every second row of a picture, as characters are higher than wide.
void draw(const u8* pixels) {
  for (int row = 4; row < 26; row += 2, std::putchar('\n'))
    for (int i = 28 * row; i < 28 * row + 26; ++i) std::putchar(" .+#"[pixels[i] / 64]);
}

int main() {
  manual_seed(1);
  const data::Digits digits{{.size = 4000}}, test_digits{{.split = "test", .size = 1000}};
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1, .workers = 0}};
  data::Loader test_loader{test_digits, {.batch_size = 250}};
  const train::InputPipeline input{digits.info(), {}, Cpu{}};
  Net model;
  std::printf("%lld parameters\n", static_cast<long long>(model.parameter_count()));
  optim::AdamW optimizer{model.named_parameters(), {.lr = 3e-3}};
  train::Evaluator evaluator{model, train::classification()};
  constexpr int kEpochs = 3;
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    optimizer.set_lr(3e-3 * (1 - double(epoch) / kEpochs));
    for (const data::Batch& batch : loader) {
      const auto [x, y] = input(batch);
      optimizer.zero_grad();
      cross_entropy(model(x), y).backward();
      optimizer.step();
    }
    std::printf("epoch %d  test accuracy %.2f\n", epoch + 1,
                evaluator.evaluate(test_loader).accuracy);
  }
  save(model, "digits_cnn.safetensors");

  model.eval();
  const Tensor picture = test_digits.samples().slice(3, 4);
  draw(picture.data<u8>());
  const Variable logits = model(affine(picture.to(DType::f32), 1 / 255.0, 0));
  std::printf("this is a %d\n", static_cast<int>(max(logits, 1).index.item<i64>()));
}
