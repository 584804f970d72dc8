// SPDX-License-Identifier: Apache-2.0
// The parts of a matrix product that the library does not compute: empty products, bias and
// activation.
#include "weft/kernels/copy.h"
#include "weft/kernels/common/grid.h"
#include "weft/kernels/common/launch_bounds.h"
#include "weft/kernels/library/matmul_layout.h"
#include "weft/kernels/library/product_types.h"

namespace weft::kernels {
namespace {

struct Identity {
  template <class T>
  WEFT_HOST_DEVICE static T value(T x) {
    return x;
  }
};

// Packs are used only if a row is a whole number of packs, so that each pack lies in one row.
template <class Op, class T>
__global__ void __launch_bounds__(kThreads, sizeof(T) == 4 ? kSpillFreeBlocks : 0)
    bias_activation_kernel(Rows<T> rows, const T* bias, i64 packs) {
  using C = Compute<T>;
  T* c = rows.data;
  const i64 n = rows.size(), cols = rows.cols;
  constexpr int kSize = Pack<T>::kSize;
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    Pack<T> value = reinterpret_cast<const Pack<T>*>(c)[i], add{};
    if (bias != nullptr)
      add = *reinterpret_cast<const Pack<T>*>(bias + divide(i * kSize, cols).remainder);
#pragma unroll
    for (int k = 0; k < kSize; ++k)
      value.value[k] =
          static_cast<T>(Op::value(static_cast<C>(value.value[k]) +
                                   (bias != nullptr ? static_cast<C>(add.value[k]) : C(0))));
    reinterpret_cast<Pack<T>*>(c)[i] = value;
  }
  for (i64 i = packs * kSize + first_index(); i < n; i += grid_stride())
    c[i] = static_cast<T>(
        Op::value(static_cast<C>(c[i]) +
                  (bias != nullptr ? static_cast<C>(bias[divide(i, cols).remainder]) : C(0))));
}

template <class Op, class T>
void run(Cuda device, Rows<T> c, const T* bias) {
  const i64 n = c.size();
  const i64 packs = c.cols % Pack<T>::kSize == 0 ? packs_in<T>(n, c.data, bias) : 0;
  launch<bias_activation_kernel<Op, T>>(on(device, blocks_for(iterations<T>(n, packs))), c, bias,
                                        packs);
}

template <class T>
void bias_and_activation(Cuda device, Rows<T> c, const T* bias, Activation activation) {
  if (c.size() == 0) return;
  switch (activation) {
    case Activation::none:
      if (bias != nullptr) run<Identity>(device, c, bias);
      return;
    case Activation::relu: return run<Relu>(device, c, bias);
    case Activation::gelu: return run<Gelu>(device, c, bias);
    case Activation::silu: return run<Silu>(device, c, bias);
    case Activation::tanh: return run<Tanh>(device, c, bias);
    case Activation::sigmoid: return run<Sigmoid>(device, c, bias);
  }
}

template <class T, class C>
void product(Cuda device, C* c, const T* a, const T* b, const C* bias, Activation activation,
             const MatmulShape& s) {
  const Rows<C> out{c, s.batch * s.m, s.n};
  if (out.size() == 0) return;
  if (s.k == 0) {
    zero(device, c, out.size() * static_cast<i64>(sizeof(C)));
    return bias_and_activation(device, out, bias, activation);
  }
  const Epilogue epilogue = fused_epilogue(bias, activation);
  library_matmul(device, MatmulRequest<T, C>{.c = c,
                                             .a = a,
                                             .b = b,
                                             .bias = epilogue == Epilogue::bias ? bias : nullptr,
                                             .epilogue = epilogue,
                                             .shape = s});
  if (epilogue == Epilogue::none) bias_and_activation(device, out, bias, activation);
}

}  // namespace

#define WEFT_MATMUL(T, C)                                                                      \
  template <>                                                                                  \
  void matmul(Cuda device, C* c, const T* a, const T* b, const C* bias, Activation activation, \
              const MatmulShape& shape) {                                                      \
    product(device, c, a, b, bias, activation, shape);                                         \
  }
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)

#define WEFT_ADD_BIAS(T)                                                                     \
  template <>                                                                                \
  void add_bias_and_activate(Cuda device, Rows<T> c, const T* bias, Activation activation) { \
    bias_and_activation(device, c, bias, activation);                                        \
  }
WEFT_ADD_BIAS(float)
WEFT_ADD_BIAS(double)
WEFT_ADD_BIAS(half)
WEFT_ADD_BIAS(bfloat16)

}  // namespace weft::kernels
