// SPDX-License-Identifier: Apache-2.0
// A residual block, x + conv2(relu(conv1(x))), with two convolutions of 3 x 3 that keep the size
// and the number of channels. parts() names what is trained: "conv1" and "conv2".
#include "block.h"

using namespace weft;

Block::Block(i64 channels)
    : conv1(channels, channels, 3, {.padding = 1}), conv2(channels, channels, 3, {.padding = 1}) {}

// TODO: what parts() does not name is neither trained nor saved.
void Block::parts(nn::Parts& p) { p("conv1", conv1); }

// TODO
Variable Block::forward(const Variable& x) { return x; }
