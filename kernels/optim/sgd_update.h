// SPDX-License-Identifier: Apache-2.0
// The SGD update of one element, for the CPU and the GPU.
#pragma once
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/optim/sgd.h"

namespace weft::kernels {

template <class T>
struct SgdRates {
  T lr, momentum, weight_decay, grad_scale;

  WEFT_HOST_DEVICE SgdRates(const Segment<T>& s, const StepControl& control)
      : lr(static_cast<T>(control.lr * s.lr_factor)),
        momentum(static_cast<T>(control.momentum)),
        weight_decay(static_cast<T>(s.weight_decay)),
        grad_scale(static_cast<T>(control.grad_scale)) {}

  WEFT_HOST_DEVICE void plain(T& p, T g) const { p -= lr * (grad_scale * g + weight_decay * p); }
  WEFT_HOST_DEVICE void with_momentum(T& p, T g, T& b, bool nesterov) const {
    const T gradient = grad_scale * g + weight_decay * p;
    b = momentum * b + gradient;
    p -= lr * (nesterov ? gradient + momentum * b : b);
  }
};

}  // namespace weft::kernels
