// SPDX-License-Identifier: Apache-2.0
// Gathers the samples of a batch from stored ones, augmented and mixed.
//   math     y[i,p] = x[source of (i,p)] or 0, mixed with the partner's; targets[i,c] = share of c
//            in the mix of row i (kernels/picture_move.h)
//   shapes   y (rows, height, width, channels); x (stored, height, width, channels), where height
//            and width may differ if there are moves; labels (stored); targets (rows, classes)
//   saved    nothing, because samples have no gradient
//   aliasing none
//   source   none
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/picture_move.h"

namespace weft::kernels {

// T is u8 or float. A sample that is not stored is black, and its mixed target NaN.
template <class T, class Device>
void gather_pictures(Device device, Pictures<T> y, Pictures<const T> x, SampleRows rows);

// For rows that mix.
template <class Device>
void gather_mixed_targets(Device device, Rows<float> targets, Span<const i64> labels,
                          SampleRows rows);

}  // namespace weft::kernels
