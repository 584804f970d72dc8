// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

using namespace weft;

void initialise(nn::Module& network) {
  for (const nn::NamedParameter& parameter : network.named_parameters()) {
    const Tensor value = parameter.variable.value();
    if (parameter.name.ends_with("weight")) nn::init::kaiming_normal(value);
    else nn::init::constant(value, 0);
  }
}
