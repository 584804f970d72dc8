// SPDX-License-Identifier: Apache-2.0
// A trained network needs no batch norm: in evaluation it is a multiplication and an addition,
// which the Linear before it can do. Changes the weight (out, in) and the bias (out) of `linear` so
// that it computes what linear and norm compute together. eps is 1e-5.
#include <weft/weft.h>

#include <cmath>

void fold(weft::nn::Linear& linear, weft::nn::BatchNorm& norm) {
  const auto w = linear.weight.value().values<float>(), b = linear.bias.value().values<float>();
  const auto gamma = norm.weight.value().values<float>(), beta = norm.bias.value().values<float>();
  const auto mean = norm.running_mean.value.values<float>();
  const auto variance = norm.running_var.value.values<float>();
  // TODO: these are spans of the layers' memory. Multiply row r of w, and change b[r].
}
