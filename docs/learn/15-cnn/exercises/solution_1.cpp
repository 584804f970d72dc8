// SPDX-License-Identifier: Apache-2.0
#include "layers.h"

int receptive_field(const std::vector<Layer>& layers) {
  int field = 1, distance = 1;
  for (const Layer& layer : layers) {
    field += (layer.kernel - 1) * distance;
    distance *= layer.stride;
  }
  return field;
}
