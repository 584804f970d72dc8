// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <weft/weft.h>

struct Block : weft::nn::Module {
  weft::nn::Conv2d conv1, conv2;
  explicit Block(weft::i64 channels);
  void parts(weft::nn::Parts& p) override;
  weft::Variable forward(const weft::Variable& x) override;
};
