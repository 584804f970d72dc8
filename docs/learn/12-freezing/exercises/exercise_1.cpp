// SPDX-License-Identifier: Apache-2.0
// Freezes all parameters of the model but those whose name begins with `prefix`. Returns how many
// elements of parameters are still trained.
#include <weft/weft.h>

#include <string>

weft::i64 train_only(weft::nn::Module& model, const std::string& prefix) {
  weft::i64 trained = 0;
  // TODO: model.named_parameters() has for each parameter its name, like "3.weight", and its
  // variable, which has value() and set_requires_grad().
  return trained;
}
