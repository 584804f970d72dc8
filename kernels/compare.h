// SPDX-License-Identifier: Apache-2.0
// Comparisons element by element.
//   math     c[i] = value(a[i'], b[i'']) ? 1 : 0, indices by the broadcasting rule
//   shapes   Broadcast
//   saved    nothing, because a comparison has no gradient
//   aliasing none
//   source   NaN is unequal to everything and neither smaller nor larger, IEEE 754-2019 §5.11
#pragma once
#include "weft/kernels/elementwise.h"

namespace weft::kernels {

struct Equal {
  static constexpr const char* name = "eq";
  template <class T>
  WEFT_HOST_DEVICE static bool value(T a, T b) {
    return a == b;
  }
};
struct NotEqual {
  static constexpr const char* name = "ne";
  template <class T>
  WEFT_HOST_DEVICE static bool value(T a, T b) {
    return a != b;
  }
};
struct Less {
  static constexpr const char* name = "lt";
  template <class T>
  WEFT_HOST_DEVICE static bool value(T a, T b) {
    return a < b;
  }
};
struct LessEqual {
  static constexpr const char* name = "le";
  template <class T>
  WEFT_HOST_DEVICE static bool value(T a, T b) {
    return a <= b;
  }
};

template <class Op, class T, class Device>
void compare(Device device, u8* c, BinaryInputs<T> in, const Broadcast& shape);

}  // namespace weft::kernels

// The list of comparisons, each as X(name of the op, formula). gt and ge swap the inputs.
#define WEFT_COMPARISONS(X) X(eq, Equal) X(ne, NotEqual) X(lt, Less) X(le, LessEqual)
