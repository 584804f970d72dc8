// SPDX-License-Identifier: Apache-2.0
// Neighbouring elements, such as channels, that a thread loads or stores at once. They must lie at
// a multiple of their size.
#pragma once
#include "weft/kernels/common/grid.h"

namespace weft::kernels {

template <class T, int kWidth>
struct alignas(sizeof(T) * kWidth) Few {
  T value[kWidth];
};
template <int kWidth, class T>
__device__ Few<T, kWidth> few_at(const T* array, i64 i) {
  return *reinterpret_cast<const Few<T, kWidth>*>(array + i);
}
template <int kWidth, class T>
__device__ void put_few(T* array, i64 i, const Few<T, kWidth>& few) {
  *reinterpret_cast<Few<T, kWidth>*>(array + i) = few;
}

}  // namespace weft::kernels
