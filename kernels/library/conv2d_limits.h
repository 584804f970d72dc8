// SPDX-License-Identifier: Apache-2.0
// Checks the limits of cuDNN for the shape of a convolution, on the real and the emulated device.
#pragma once
#include "weft/core/error.h"
#include "weft/kernels/library/conv2d.h"

namespace weft::kernels {

// Throws UserError if an array has more elements than cuDNN supports. Throws InternalError if the
// shape is inconsistent, because cuDNN would compute another output size.
inline void check_conv2d(const Conv2dShape& s) {
  constexpr i64 kMost = (i64{1} << 31) - 1;
  WEFT_CHECK(inputs(s) <= kMost && outputs(s) <= kMost && weights(s) <= kMost,
             "conv2d: {} inputs, {} outputs and {} weights given; on a GPU each must be below 2^31",
             inputs(s), outputs(s), weights(s));
  WEFT_ASSERT(s.groups > 0 && s.channels % s.groups == 0 && s.out_channels % s.groups == 0,
              "conv2d: {} channels to {} in {} groups; groups must divide both", s.channels,
              s.out_channels, s.groups);
  const auto size = [](i64 in, i64 kernel, i64 stride, i64 padding, i64 dilation) {
    return (in + 2 * padding - (kernel - 1) * dilation - 1) / stride + 1;
  };
  const i64 high = size(s.height, s.kernel.h, s.stride.h, s.padding.h, s.dilation.h),
            wide = size(s.width, s.kernel.w, s.stride.w, s.padding.w, s.dilation.w);
  WEFT_ASSERT(s.out_height == high && s.out_width == wide,
              "conv2d: an output of {} by {} given; {} by {} is required", s.out_height,
              s.out_width, high, wide);
}

}  // namespace weft::kernels
