// SPDX-License-Identifier: Apache-2.0
// The Adam update of one element, for the CPU and the GPU.
#pragma once
#include <cmath>

#include "weft/kernels/optim/adam.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

template <class T>
struct AdamRates {
  T grad_scale, coupled_decay, keep, one_minus_beta1, beta2, one_minus_beta2, inverse_root2, eps,
      step;

  WEFT_HOST_DEVICE void update(T& p, T g, T& m, T& v) const {
    const T gradient = grad_scale * g + coupled_decay * p;
    m += one_minus_beta1 * (gradient - m);
    v = beta2 * v + one_minus_beta2 * gradient * gradient;
    p = keep * p - step * m / (std::sqrt(v) * inverse_root2 + eps);
  }
};

// The bias corrections count the updates of this parameter alone, so a parameter that was unfrozen
// late has those of a new parameter.
template <class T>
WEFT_HOST_DEVICE AdamRates<T> rates_of(const Segment<T>& s, const StepControl& control,
                                       const AdamConstants& c) {
  const double lr = control.lr * s.lr_factor, t = static_cast<double>(s.steps + 1);
  const double correction1 = 1 - std::pow(control.momentum, t);
  const double correction2 = 1 - std::pow(c.beta2, t);
  return {static_cast<T>(control.grad_scale),
          static_cast<T>(c.decoupled ? 0 : s.weight_decay),
          static_cast<T>(c.decoupled ? 1 - lr * s.weight_decay : 1),
          static_cast<T>(1 - control.momentum),
          static_cast<T>(c.beta2),
          static_cast<T>(1 - c.beta2),
          static_cast<T>(1 / std::sqrt(correction2)),
          static_cast<T>(c.eps),
          static_cast<T>(lr / correction1)};
}

}  // namespace weft::kernels
