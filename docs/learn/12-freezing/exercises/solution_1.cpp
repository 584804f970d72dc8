// SPDX-License-Identifier: Apache-2.0
#include <weft/weft.h>

#include <string>

weft::i64 train_only(weft::nn::Module& model, const std::string& prefix) {
  weft::i64 trained = 0;
  for (const weft::nn::NamedParameter& p : model.named_parameters()) {
    const bool wanted = p.name.starts_with(prefix);
    p.variable.set_requires_grad(wanted);
    if (wanted) trained += p.variable.value().elements();
  }
  return trained;
}
