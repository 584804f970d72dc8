// SPDX-License-Identifier: Apache-2.0
// Elementwise kernels: one loop for each shape of formula, instantiated for the lists of elementwise_ops.h.
//   math     unary   y[i] = value(x[i]);  dx[i] = dy[i]·slope(kept[i]), kept = x or y as the formula says
//            binary  c[i] = value(a[i'], b[i'']), indices by the broadcasting rule
//            affine  y[i] = scale·x[i] + shift
//   shapes   n elements; binary: Broadcast
//   saved    x or y (Op::keeps)
//   aliasing an output may be the same array as an input of the same shape
//   source   the formula's own
#pragma once
#include <array>

#include "weft/core/types.h"
#include "weft/device/device.h"
#include "weft/kernels/elementwise_ops.h"

namespace weft::kernels {

// How two inputs are read while an output is written in order: sizes, and for each input its stride
// per axis in elements, 0 where it is repeated. Axes that can be walked as one are merged.
struct Broadcast {
  static constexpr int kMaxRank = 6;
  int rank = 0;
  i64 elements = 1;
  std::array<i64, kMaxRank> size{}, stride_a{}, stride_b{};
};

template <class Op, class T>
void unary_forward(Cpu, T* y, const T* x, i64 n);
template <class Op, class T>
void unary_backward(Cpu, T* dx, const T* dy, const T* kept, i64 n);

template <class Op, class T>
void unary_forward(Cuda, T* y, const T* x, i64 n);
template <class Op, class T>
void unary_backward(Cuda, T* dx, const T* dy, const T* kept, i64 n);

template <class Op, class T>
void binary_forward(Cpu, T* c, const T* a, const T* b, const Broadcast& shape);
// da (before it is summed to a's shape) = dc·slope_a(a, b); likewise db. Either may be null.
template <class Op, class T>
void binary_backward(Cpu, T* da, T* db, const T* dc, const T* a, const T* b,
                     const Broadcast& shape);
template <class Op, class T>
void binary_forward(Cuda, T* c, const T* a, const T* b, const Broadcast& shape);
template <class Op, class T>
void binary_backward(Cuda, T* da, T* db, const T* dc, const T* a, const T* b,
                     const Broadcast& shape);

template <class T>
void affine(Cpu, T* y, const T* x, double scale, double shift, i64 n);
template <class T>
void affine(Cuda, T* y, const T* x, double scale, double shift, i64 n);

}  // namespace weft::kernels
