// SPDX-License-Identifier: Apache-2.0
// Returns the receptive field: how many pixels, in one direction, an output of the last layer sees.
// A layer sees kernel − 1 further outputs of the layer before it. The distance between two
// neighbours there, in pixels, is the product of all strides before.
#include "layers.h"

int receptive_field(const std::vector<Layer>& layers) {
  int field = 1, distance = 1;
  // TODO
  return field;
}
