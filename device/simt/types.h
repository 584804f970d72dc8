// SPDX-License-Identifier: Apache-2.0
// CUDA's vector types for a compiler without CUDA, with CUDA's names, members and alignment.
// source: CUDA C++ Programming Guide, "Built-in Vector Types"
#pragma once
#ifdef __CUDACC__
#error "nvcc has these types of its own; include weft/device/launch.h"
#endif

// NOLINTBEGIN(readability-identifier-naming)
struct uint3 {
  unsigned x, y, z;
};
struct dim3 {
  unsigned x, y, z;
  constexpr dim3(unsigned x_ = 1, unsigned y_ = 1, unsigned z_ = 1) : x(x_), y(y_), z(z_) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
};

#define WEFT_VECTOR_TYPES(T, name)                                  \
  struct alignas(2 * sizeof(T)) name##2 {                           \
    T x, y;                                                         \
  };                                                                \
  struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { \
    T x, y, z, w;                                                   \
  };                                                                \
  constexpr name##2 make_##name##2(T x, T y) { return {x, y}; }     \
  constexpr name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
WEFT_VECTOR_TYPES(float, float)
WEFT_VECTOR_TYPES(double, double)
WEFT_VECTOR_TYPES(int, int)
WEFT_VECTOR_TYPES(unsigned, uint)
WEFT_VECTOR_TYPES(unsigned short, ushort)
WEFT_VECTOR_TYPES(unsigned char, uchar)
#undef WEFT_VECTOR_TYPES
// NOLINTEND(readability-identifier-naming)
