// SPDX-License-Identifier: Apache-2.0
// Trains the model on the digits for `epochs` passes, in batches of 50, with AdamW at a learning
// rate of 3e-3. x and y of a batch come from input(batch).
#include <weft/weft.h>

using namespace weft;

void train_model(nn::Module& model, const data::Digits& digits, int epochs) {
  data::Loader loader{digits, {.batch_size = 50, .shuffle = true, .seed = 1}};
  const train::InputPipeline input{digits.info(), {}, Cpu{}};
  // TODO: make an optimizer, and for each batch: forget the gradients, compute the loss, go
  // backward, and make a step.
}
