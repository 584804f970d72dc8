// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

using namespace weft;

void train_model(nn::Module& model, const data::Digits& digits, int epochs) {
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
  const train::InputPipeline input{digits.info(), {}, Cpu{}};
  optim::AdamW optimizer{model.named_parameters(), {.lr = 3e-3}};
  for (int epoch = 0; epoch < epochs; ++epoch)
    for (const data::Batch& batch : loader) {
      const auto [x, y] = input(batch);
      optimizer.zero_grad();
      cross_entropy(model(x), y).backward();
      optimizer.step();
    }
}
