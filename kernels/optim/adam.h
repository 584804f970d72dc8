// SPDX-License-Identifier: Apache-2.0
// Adam and AdamW in one fused pass over all parameters (Note [One kernel for all parameters]).
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

// The values that are the same for all steps.
struct AdamConstants {
  double beta2 = 0.999;
  double eps = 1e-8;
  bool decoupled = true;  // true: AdamW; false: Adam with L2 regularisation
};

// math:     g' = grad_scale·g;  coupled: g' += weight_decay·p;
//           decoupled: p *= 1 - lr·lr_factor·weight_decay
//           m += (1 - β1)·(g' - m);  v = β2·v + (1 - β2)·g'²;
//           t = steps of this segment, this one included
//           p -= lr·lr_factor/(1 - β1ᵗ) · m / (√v/√(1 - β2ᵗ) + eps), with β1 = control.momentum
// shapes:   any; each segment has `length` elements
// saved:    first = m, second = v
// aliasing: param, grad, first and second must not overlap
// source:   Kingma & Ba, arXiv 1412.6980; Loshchilov & Hutter, arXiv 1711.05101
template <class T, class Device>
void adam_step(Device device, const ParameterTable<T>& table, const StepControl* control,
               const AdamConstants& constants);

}  // namespace weft::kernels
