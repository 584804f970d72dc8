// SPDX-License-Identifier: Apache-2.0
// Chooses entries along one axis of (outer, n, inner) by index.
//   math     y[o,j,i] = x[o,r,i] with r = index[o,j,i], or index[j] if one index serves all o and i
//            dx[o,r,i] = Σ dy[o,j,i] over the j whose index is r
//   shapes   x, dx (outer, n, inner); y, dy (outer, k, inner); index (outer, k, inner) or (k)
//   saved    index
//   aliasing none
//   source   a sum is in the order of j, for any number of threads and on every device; Note [Sums]
//            in kernels/common/half.h
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/half.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

struct GatherShape {
  i64 outer = 1, n = 0, k = 0, inner = 1;
  bool per_element = false;  // the index is (outer, k, inner)

  WEFT_HOST_DEVICE i64 index_at(i64 o, i64 j, i64 i) const {
    return per_element ? (o * k + j) * inner + i : j;
  }
};

// element_bytes is 1, 2, 4 or 8. An index outside [0, n) gives an element whose bytes are 0xff
// (NaN, −1).
template <class Device>
void gather_forward(Device device, void* y, const void* x, const i64* index, i64 element_bytes,
                    const GatherShape& shape);
// An index outside [0, n) adds to no element.
template <class T, class Device>
void gather_backward(Device device, T* dx, const T* dy, const i64* index, const GatherShape& shape);

}  // namespace weft::kernels
