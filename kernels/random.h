// SPDX-License-Identifier: Apache-2.0
// Fills an array with random values.
//   math     uniform: y[i] = low + (high − low)·u[i];
//            normal: y[i] = mean + std·z[i], z by Box–Muller;
//            u[i] and z[i] come from word i mod 4 of philox(key, counter = first + i/4)
//   shapes   n elements; a fill uses ⌈n/4⌉ counters
//   saved    nothing
//   aliasing none
//   source   kernels/common/philox.h; Box & Muller 1958
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

struct RandomRange {
  u64 key = 0, first = 0;  // `first` is the lower half of the first counter; its upper half is 0
};

template <class T, class Device>
void fill_uniform(Device device, Span<T> y, double low, double high, const RandomRange& range);
template <class T, class Device>
void fill_normal(Device device, Span<T> y, double mean, double std, const RandomRange& range);

}  // namespace weft::kernels
