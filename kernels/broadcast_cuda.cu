// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/broadcast_walk.h"

namespace weft::kernels {
namespace {

// The kernel for plain shapes reads and writes packs.
template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    binary_plain_kernel(Span<T> c, Span<const T> a, Span<const T> b, i64 packs) {
  map_elements(
      c, packs, [](Compute<T> a_i, Compute<T> b_i) { return Op::value(a_i, b_i); }, a, b);
}

// The kernel for other shapes. A thread computes a pack of outputs and reads each input element by
// the strides of the shape.
template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    binary_kernel(T* c, BinaryInputs<T> in, Broadcast shape, i64 packs) {
  constexpr int kSize = Pack<T>::kSize;
  const auto value = [=](i64 i, i64 j) {
    return static_cast<T>(
        Op::value(static_cast<Compute<T>>(in.a[i]), static_cast<Compute<T>>(in.b[j])));
  };
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    Pack<T> out;
    walk_broadcast(shape, i * kSize, kSize,
                   [&](int k, i64 a_at, i64 b_at) { out.value[k] = value(a_at, b_at); });
    reinterpret_cast<Pack<T>*>(c)[i] = out;
  }
  for (i64 i = packs * kSize + first_index(); i < shape.elements; i += grid_stride())
    walk_broadcast(shape, i, 1, [&](int, i64 a_at, i64 b_at) { c[i] = value(a_at, b_at); });
}

// A thread reads all inputs of its elements before it writes, so da may be dc.
template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    binary_backward_kernel(BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, Broadcast shape,
                           i64 packs) {
  using C = Compute<T>;
  T *da = out.da, *db = out.db;
  const T *a = in.a, *b = in.b;
  constexpr int kSize = Pack<T>::kSize;
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    const Pack<T> grad = reinterpret_cast<const Pack<T>*>(dc)[i];
    Pack<T> to_a, to_b;
    walk_broadcast(shape, i * kSize, kSize, [&](int k, i64 a_at, i64 b_at) {
      const C d = static_cast<C>(grad.value[k]), u = static_cast<C>(a[a_at]),
              v = static_cast<C>(b[b_at]);
      to_a.value[k] = static_cast<T>(Op::gradient_a(d, u, v));
      to_b.value[k] = static_cast<T>(Op::gradient_b(d, u, v));
    });
    if (da != nullptr) reinterpret_cast<Pack<T>*>(da)[i] = to_a;
    if (db != nullptr) reinterpret_cast<Pack<T>*>(db)[i] = to_b;
  }
  for (i64 i = packs * kSize + first_index(); i < shape.elements; i += grid_stride()) {
    walk_broadcast(shape, i, 1, [&](int, i64 a_at, i64 b_at) {
      const C d = static_cast<C>(dc[i]), u = static_cast<C>(a[a_at]), v = static_cast<C>(b[b_at]);
      if (da != nullptr) da[i] = static_cast<T>(Op::gradient_a(d, u, v));
      if (db != nullptr) db[i] = static_cast<T>(Op::gradient_b(d, u, v));
    });
  }
}

template <class Op, class T>
void forward(Cuda device, T* c, BinaryInputs<T> in, const Broadcast& shape) {
  const i64 n = shape.elements;
  if (n == 0) return;
  if (is_plain(shape)) {
    const i64 packs = packs_in<T>(n, c, in.a, in.b);
    launch<binary_plain_kernel<Op, T>>(on(device, blocks_for(iterations<T>(n, packs))),
                                       Span<T>{c, n}, Span<const T>{in.a, n},
                                       Span<const T>{in.b, n}, packs);
    return;
  }
  const i64 packs = packs_in<T>(n, c);
  launch<binary_kernel<Op, T>>(on(device, blocks_for(iterations<T>(n, packs))), c, in, shape,
                               packs);
}

template <class Op, class T>
void backward(Cuda device, BinaryGradients<T> out, const T* dc, BinaryInputs<T> in,
              const Broadcast& shape) {
  const i64 n = shape.elements;
  if (n == 0 || (out.da == nullptr && out.db == nullptr)) return;
  const i64 packs = packs_in<T>(n, out.da, out.db, dc);
  launch<binary_backward_kernel<Op, T>>(on(device, blocks_for(iterations<T>(n, packs))), out, dc,
                                        in, shape, packs);
}

}  // namespace

#define WEFT_BINARY_T(Op, T)                                                                     \
  template <>                                                                                    \
  void binary_forward<Op>(Cuda device, T * c, BinaryInputs<T> in, const Broadcast& shape) {      \
    forward<Op>(device, c, in, shape);                                                           \
  }                                                                                              \
  template <>                                                                                    \
  void binary_backward<Op>(Cuda device, BinaryGradients<T> out, const T* dc, BinaryInputs<T> in, \
                           const Broadcast& shape) {                                             \
    backward<Op>(device, out, dc, in, shape);                                                    \
  }
#define WEFT_BINARY(op, Op) \
  WEFT_BINARY_T(Op, float)  \
  WEFT_BINARY_T(Op, double) WEFT_BINARY_T(Op, half) WEFT_BINARY_T(Op, bfloat16)
WEFT_BINARY_OPS(WEFT_BINARY)

}  // namespace weft::kernels
