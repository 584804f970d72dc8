// SPDX-License-Identifier: Apache-2.0
// Stochastic gradient descent in one fused pass over all parameters (Note [One kernel for all
// parameters]).
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

// math:     g' = grad_scale·g + weight_decay·p;  b = momentum·b + g';
//           p -= lr·lr_factor · (nesterov ? g' + momentum·b : b);
//           if control.momentum is 0, p -= lr·lr_factor·g'
// shapes:   any; each segment has `length` elements
// saved:    first = b, which is null if the momentum is 0 in all steps
// aliasing: param, grad and first must not overlap
// source:   Sutskever et al., ICML 2013; the form of PyTorch's SGD with dampening 0
template <class T, class Device>
void sgd_step(Device device, const ParameterTable<T>& table, const StepControl* control,
              bool nesterov);

}  // namespace weft::kernels
