// SPDX-License-Identifier: Apache-2.0
// The Euclidean norm over all gradients, and the factor that clips it.
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

// math:     partials[c] = Σ g² over chunk c, unscaled; 0 if its segment is not active
// shapes:   partials (chunk_count)
// aliasing: only partials are written; squares are summed in double
template <class T, class Device>
void square_sums(Device device, const ParameterTable<T>& table, double* partials);

// math:     norm = ‖grad_scale · g‖₂ over active segments; control.grad_norm = norm;
//           if norm > max_norm > 0, grad_scale *= max_norm / (norm + 1e-6);
//           a norm that is not finite sets skip
// shapes:   partials (chunk_count), scratch
// saved:    nothing
// aliasing: only partials and control are written; squares are summed in double, and the chunks
//           are added in order
// source:   Pascanu et al., arXiv 1211.5063; 1e-6 as in PyTorch's clip_grad_norm_
// clip_by_squares() is the second half alone: norm = grad_scale · √Σ partials. In between, several
// ranks may add up their sums.
template <class Device>
void clip_by_squares(Device device, const double* partials, i64 count, double max_norm,
                     StepControl* control);

template <class T, class Device>
void global_norm(Device device, const ParameterTable<T>& table, double max_norm, double* partials,
                 StepControl* control);

}  // namespace weft::kernels
