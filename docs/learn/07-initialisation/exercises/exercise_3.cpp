// SPDX-License-Identifier: Apache-2.0
// Gives all weights of a network Kaiming's normal distribution, and sets all biases to 0. The names
// of parameters end in "weight" or "bias", as in "0.weight".
#include <weft/weft.h>

using namespace weft;

void initialise(nn::Module& network) {
  for (const nn::NamedParameter& parameter : network.named_parameters()) {
    const Tensor value = parameter.variable.value();
    // TODO: nn::init::kaiming_normal() and nn::init::constant() fill a tensor.
    value.fill(0);
  }
}
