// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/elementwise.h"

namespace weft::kernels {
namespace {
constexpr i64 kGrain = 16 * 1024;  // elements per thread below which a second thread costs more
}

template <class Op, class T>
void unary_forward(Cpu, T* y, const T* x, i64 n) {
  parallel_for(n, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = Op::value(x[i]);
    });
  });
}

template <class Op, class T>
void unary_backward(Cpu, T* dx, const T* dy, const T* kept, i64 n) {
  parallel_for(n, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) dx[i] = dy[i] * Op::slope(kept[i]);
    });
  });
}

template <class T>
void affine(Cpu, T* y, const T* x, double scale, double shift, i64 n) {
  const T s = static_cast<T>(scale), t = static_cast<T>(shift);
  parallel_for(n, kGrain, [&](i64 begin, i64 end) {
    simd([=] {
      for (i64 i = begin; i < end; ++i) y[i] = s * x[i] + t;
    });
  });
}

#define WEFT_UNARY(op, Op)                                                               \
  template void unary_forward<Op, float>(Cpu, float*, const float*, i64);                \
  template void unary_forward<Op, double>(Cpu, double*, const double*, i64);             \
  template void unary_backward<Op, float>(Cpu, float*, const float*, const float*, i64); \
  template void unary_backward<Op, double>(Cpu, double*, const double*, const double*, i64);
WEFT_UNARY_OPS(WEFT_UNARY)

template void affine(Cpu, float*, const float*, double, double, i64);
template void affine(Cpu, double*, const double*, double, double, i64);

}  // namespace weft::kernels
