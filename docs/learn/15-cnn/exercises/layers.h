// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <vector>

// A convolution or a pooling with a square kernel.
struct Layer {
  int kernel, stride;
};
