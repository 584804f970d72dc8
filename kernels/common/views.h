// SPDX-License-Identifier: Apache-2.0
// Views are the array arguments of kernels: an address and sizes. A view owns nothing and is passed
// by value, also to a GPU kernel. A view of T converts to a view of const T. Null data means that
// the array is not given.
//
// Note [One declaration per kernel]
// A kernel is declared once, as a template on the element type T and on Device, which is Cpu or
// Cuda:
//
//   template <class T, class Device>
//   void softmax_forward(Device device, Rows<T> y, Rows<const T> x);      // softmax.h
//
// The template has no definition. The file of each device specialises it for the types that it
// supports, by a macro at its end that calls the body. A missing device or type is a link error
// that names it with the kernel.
//
//   template <>                                                           // softmax_cpu.cpp
//   void softmax_forward(Cpu, Rows<float> y, Rows<const float> x) { forward(y, x); }
//
// T is the first template parameter, so that a call can give it explicitly, as in
// kernels::softmax_forward<T>(device, …). The views of the arguments then convert.
#pragma once
#include <concepts>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

// `size` consecutive elements.
template <class T>
struct Span {
  T* data = nullptr;
  i64 size = 0;

  WEFT_HOST_DEVICE T& operator[](i64 i) const { return data[i]; }
  template <std::same_as<T> U>
  WEFT_HOST_DEVICE operator Span<const U>() const {
    return {data, size};
  }
};

// A matrix, row after row without gaps.
template <class T>
struct Rows {
  T* data = nullptr;
  i64 rows = 0, cols = 0;

  WEFT_HOST_DEVICE T& operator()(i64 r, i64 c) const { return data[r * cols + c]; }
  WEFT_HOST_DEVICE T* row(i64 r) const { return data + r * cols; }
  WEFT_HOST_DEVICE i64 size() const { return rows * cols; }
  template <std::same_as<T> U>
  WEFT_HOST_DEVICE operator Rows<const U>() const {
    return {data, rows, cols};
  }
};

}  // namespace weft::kernels
