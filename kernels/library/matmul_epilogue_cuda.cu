// SPDX-License-Identifier: Apache-2.0
// Matrix products: what the library does not do, before and after it.
#include "weft/kernels/copy.h"
#include "weft/kernels/common/grid.h"
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

// By packs where a row holds a whole number of them, so that a pack lies in one row.
template <class Op, class T>
__global__ void __launch_bounds__(kThreads)
    bias_activation_kernel(T* c, const T* bias, i64 n, i64 cols, i64 packs) {
  using C = Compute<T>;
  constexpr int kSize = Pack<T>::kSize;
  for (i64 i = first_index(); i < packs; i += grid_stride()) {
    Pack<T> value = reinterpret_cast<const Pack<T>*>(c)[i], add{};
    if (bias != nullptr)
      add = *reinterpret_cast<const Pack<T>*>(bias + divide(i * kSize, cols).rest);
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
                  (bias != nullptr ? static_cast<C>(bias[divide(i, cols).rest]) : C(0))));
}

template <class Op, class T>
void run(Cuda device, T* c, const T* bias, i64 rows, i64 cols) {
  const i64 n = rows * cols;
  const i64 packs = cols % Pack<T>::kSize == 0 ? packs_in<T>(n, c, bias) : 0;
  launch<bias_activation_kernel<Op, T>>(on(device, blocks_for(turns<T>(n, packs))), c, bias, n,
                                        cols, packs);
}

}  // namespace

template <class T>
void add_bias_and_activate(Cuda device, T* c, const T* bias, Activation activation, i64 rows,
                           i64 n) {
  if (rows * n == 0) return;
  switch (activation) {
    case Activation::none:
      if (bias != nullptr) run<Identity>(device, c, bias, rows, n);
      return;
    case Activation::relu: return run<Relu>(device, c, bias, rows, n);
    case Activation::gelu: return run<Gelu>(device, c, bias, rows, n);
    case Activation::silu: return run<Silu>(device, c, bias, rows, n);
    case Activation::tanh: return run<Tanh>(device, c, bias, rows, n);
    case Activation::sigmoid: return run<Sigmoid>(device, c, bias, rows, n);
  }
}

template <class T, class C>
void matmul(Cuda device, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& s) {
  const i64 rows = s.batch * s.m;
  if (rows * s.n == 0) return;
  if (s.k == 0) {
    zero(device, c, rows * s.n * static_cast<i64>(sizeof(C)));
    return add_bias_and_activate(device, c, bias, activation, rows, s.n);
  }
  // Epilogues in double, and with a bias that is not aligned, are not promised.
  const bool fuses = !std::is_same_v<T, double> && alignment_of(bias) >= kVectorBytes;
  const Epilogue epilogue = fuses ? epilogue_of(bias != nullptr, activation) : Epilogue::none;
  library_matmul(device, MatmulRequest<T, C>{.c = c,
                                             .a = a,
                                             .b = b,
                                             .bias = epilogue == Epilogue::bias ? bias : nullptr,
                                             .epilogue = epilogue,
                                             .shape = s});
  if (epilogue == Epilogue::none) add_bias_and_activate(device, c, bias, activation, rows, s.n);
}

#define WEFT_MATMUL(T, C) \
  template void matmul(Cuda, C*, const T*, const T*, const C*, Activation, const MatmulShape&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_MATMUL)
template void add_bias_and_activate(Cuda, float*, const float*, Activation, i64, i64);
template void add_bias_and_activate(Cuda, double*, const double*, Activation, i64, i64);
template void add_bias_and_activate(Cuda, half*, const half*, Activation, i64, i64);
template void add_bias_and_activate(Cuda, bfloat16*, const bfloat16*, Activation, i64, i64);

}  // namespace weft::kernels
