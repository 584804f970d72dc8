// SPDX-License-Identifier: Apache-2.0
// Elementwise kernels. Each kind of formula (unary, binary, affine) has one loop, which is
// instantiated for the lists of elementwise_ops.h.
//   math     unary   y[i] = value(x[i]);  dx[i] = gradient(dy[i], kept[i]), kept is x or y, as
//                    Op::keeps says
//            binary  c[i] = value(a[i'], b[i'']), indices by the broadcasting rule
//            affine  y[i] = scale·x[i]/divisor + shift
//   shapes   n elements; binary: Broadcast
//   saved    x or y (Op::keeps)
//   aliasing an output may be the same array as an input of the same shape
//   source   given at each formula
#pragma once
#include <array>

#include "weft/device/device.h"
#include "weft/kernels/common/views.h"
#include "weft/kernels/elementwise_ops.h"

namespace weft::kernels {

// The sizes of the output and the strides of both inputs, in elements. The output is written in
// order. A stride is 0 on an axis along which the input is repeated. Adjacent
// axes that one stride per input describes are merged.
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
// A gradient whose pointer is null is not computed.
template <class T>
struct BinaryGradients {
  T *da = nullptr, *db = nullptr;
};
template <class Op, class T, class Device>
void binary_forward(Device device, T* c, BinaryInputs<T> in, const Broadcast& shape);
// da = gradient_a(dc, a, b), not yet summed to a's shape. db is computed in the same way.
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
