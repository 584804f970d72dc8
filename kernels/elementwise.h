// SPDX-License-Identifier: Apache-2.0
// Elementwise kernels: one loop for each shape of formula, instantiated for the lists of
// elementwise_ops.h.
//   math     unary   y[i] = value(x[i]);  dx[i] = gradient(dy[i], kept[i]), kept = x or y as the
//                    formula says
//            binary  c[i] = value(a[i'], b[i'']), indices by the broadcasting rule
//            affine  y[i] = scale·x[i]/divisor + shift
//   shapes   n elements; binary: Broadcast
//   saved    x or y (Op::keeps)
//   aliasing an output may be the same array as an input of the same shape
//   source   the formula's own
#pragma once
#include <array>

#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
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

template <class Op, class T, class Device>
void unary_forward(Device device, Span<T> y, Span<const T> x);
template <class Op, class T, class Device>
void unary_backward(Device device, Span<T> dx, Span<const T> dy, Span<const T> kept);

template <class T>
struct BinaryInputs {
  const T *a = nullptr, *b = nullptr;
};
// Either may be null.
template <class T>
struct BinaryGradients {
  T *da = nullptr, *db = nullptr;
};
template <class Op, class T, class Device>
void binary_forward(Device device, T* c, BinaryInputs<T> in, const Broadcast& shape);
// da (before it is summed to a's shape) = gradient_a(dc, a, b); likewise db.
template <class Op, class T, class Device>
void binary_backward(Device device, BinaryGradients<T> out, const T* dc, BinaryInputs<T> in,
                     const Broadcast& shape);

// A divisor is not the factor 1/divisor, which would round twice and may leave the range of T.
struct Affine {
  double scale = 1, divisor = 1, shift = 0;
};
template <class T, class Device>
void affine(Device device, Span<T> y, Span<const T> x, const Affine& formula);

}  // namespace weft::kernels
