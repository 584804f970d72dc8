// SPDX-License-Identifier: Apache-2.0
#include "block.h"

using namespace weft;

Block::Block(i64 channels)
    : conv1(channels, channels, 3, {.padding = 1}), conv2(channels, channels, 3, {.padding = 1}) {}

void Block::parts(nn::Parts& p) { p("conv1", conv1)("conv2", conv2); }

Variable Block::forward(const Variable& x) { return x + conv2(relu(conv1(x))); }
