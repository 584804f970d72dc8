// SPDX-License-Identifier: Apache-2.0
// Reorders the axes of a tensor.
//   math     y[i0, …] is the element of x with the same indices; y's axis j is x's axis order[j]
//   shapes   size has y's sizes; stride has x's strides along y's axes, in elements
//   saved    nothing
//   aliasing none
//   source   none
#pragma once
#include <array>

#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"

namespace weft::kernels {

struct PermuteShape {
  int rank = 0;
  i64 elements = 1;
  std::array<i64, 6> size{}, stride{};
};

// element_bytes is 1, 2, 4 or 8.
template <class Device>
void permute(Device device, void* y, const void* x, i64 element_bytes, const PermuteShape& shape);

}  // namespace weft::kernels
