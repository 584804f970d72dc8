// SPDX-License-Identifier: Apache-2.0
// Chooses each element from one of two arrays.
//   math     y[i] = condition[i'] ≠ 0 ? a[i''] : b[i'''], indices by the broadcasting rule
//   shapes   size has y's sizes; the strides of the inputs along y's axes are in elements, and 0 on
//            an axis along which an input is repeated
//   saved    condition
//   aliasing y may be an input of y's shape
//   source   none
#pragma once
#include <array>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

struct WhereShape {
  static constexpr int kMaxRank = 6;
  int rank = 1;  // at least 1
  i64 elements = 1;
  std::array<i64, kMaxRank> size{}, condition{}, a{}, b{};
};

struct WhereInputs {
  const u8* condition = nullptr;
  const void *a = nullptr, *b = nullptr;
};

// element_bytes is 1, 2, 4 or 8.
template <class Device>
void where(Device device, void* y, const WhereInputs& in, i64 element_bytes,
           const WhereShape& shape);

}  // namespace weft::kernels
