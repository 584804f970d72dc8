// SPDX-License-Identifier: Apache-2.0
// The order of elements by which max, argmax and top_k choose: a NaN is before any other value,
// then the larger value, then the smaller index.
#pragma once
#include <type_traits>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

template <class C>
struct Best {
  C value;
  alignas(8) i64 index;
};
struct Better {
  template <class C>
  WEFT_HOST_DEVICE Best<C> operator()(const Best<C>& a, const Best<C>& b) const {
    return comes_first(b, a) ? b : a;
  }
  // Whether a is before b.
  template <class C>
  WEFT_HOST_DEVICE static bool comes_first(const Best<C>& a, const Best<C>& b) {
    const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
    if (a_nan || b_nan) return a_nan && (!b_nan || a.index < b.index);
    return a.value > b.value || (a.value == b.value && a.index < b.index);
  }
};

// The index of the best element in a vectorised search, in which indices ascend. It is as wide as
// T, so that both have the same number of vector lanes.
template <class T>
using Lane = std::conditional_t<sizeof(T) == 4, i32, i64>;
// Whether an element takes the place of the best one before it.
template <class T>
WEFT_HOST_DEVICE bool takes_over(T value, T best) {
  return value > best || (value != value && best == best);
}

}  // namespace weft::kernels
