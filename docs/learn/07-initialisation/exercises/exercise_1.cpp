// SPDX-License-Identifier: Apache-2.0
// Returns the expected root mean square of the activations after `layers` layers with relu, if that
// of the input is 1. Each layer has `width` neurons and as many inputs, and random weights with mean
// 0 and the standard deviation `deviation`.
#include <cmath>

double expected_rms(int width, double deviation, int layers) {
  // TODO: the factor of one layer, to a power.
  return 1;
}
