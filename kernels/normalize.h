// SPDX-License-Identifier: Apache-2.0
// Converts a stored batch to the input of a network.
//   math     bytes: y[r,c] = x[r,c]·factor[c] + offset[c]
//            f32:   y[r,c] = ((x[r,c]·scale[c] − high[c]) − low[c])·factor[c]
//   shapes   x, y (rows, channels); each term (channels), on the device
//   saved    nothing, because inputs have no gradient
//   aliasing none
//   source   none
//
// Note [Digits of a large mean]
// A column of f32 values may have a mean that is millions of its deviations: a year, an identifier.
// x·factor + offset would lose their digits. So the mean is subtracted first, in two floats: the
// difference to `high` has no rounding where x is near it (Sterbenz), and `low` is the rest of the
// mean. `scale` is a power of two near 1 / deviation. It rounds nothing, keeps the differences of
// large values finite and makes those of subnormal ones normal numbers. Bytes have a deviation of
// at least a small part of their range, and one multiplication and addition suffices.
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// From is u8 (images) or float (scalars).
template <class From>
struct NormalizeTerms;

template <>
struct NormalizeTerms<u8> {
  const float *factor, *offset;
  static constexpr int kTerms = 2;
  static NormalizeTerms of(const float* terms, i64 channels) { return {terms, terms + channels}; }
  WEFT_HOST_DEVICE float normalized(u8 x, i64 c) const {
    return static_cast<float>(x) * factor[c] + offset[c];
  }
};

template <>
struct NormalizeTerms<float> {
  const float *scale, *high, *low, *factor;
  static constexpr int kTerms = 4;
  static NormalizeTerms of(const float* terms, i64 channels) {
    return {terms, terms + channels, terms + 2 * channels, terms + 3 * channels};
  }
  WEFT_HOST_DEVICE float normalized(float x, i64 c) const {
    return ((x * scale[c] - high[c]) - low[c]) * factor[c];
  }
};

// `terms` is (NormalizeTerms<From>::kTerms, channels).
template <class From, class Device>
void normalize(Device device, Rows<float> y, Rows<const From> x, const float* terms);

}  // namespace weft::kernels
