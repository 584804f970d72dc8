// SPDX-License-Identifier: Apache-2.0
#include <atomic>

#include <Eigen/Core>

#include "weft/core/error.h"
#include "weft/device/parallel.h"
#include "weft/device/simd.h"
#include "weft/kernels/library/as_compute.h"
#include "weft/kernels/library/matmul.h"
#include "weft/kernels/library/onednn.h"
#include "weft/kernels/library/product_types.h"

namespace weft::kernels {
namespace {

std::atomic<CpuBackend>& chosen_backend() {
  static std::atomic<CpuBackend> backend{onednn::version() != nullptr ? CpuBackend::onednn
                                                                      : CpuBackend::eigen};
  return backend;
}

template <class T>
using Matrix = Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
template <class T>
using Map = Eigen::Map<const Matrix<T>>;

template <class T>
void eigen_product(T* c, const T* a, const T* b, const MatmulShape& s) {
  Eigen::Map<Matrix<T>> C(c, s.m, s.n);
  if (!s.transpose_a && !s.transpose_b) C.noalias() = Map<T>(a, s.m, s.k) * Map<T>(b, s.k, s.n);
  else if (!s.transpose_a) C.noalias() = Map<T>(a, s.m, s.k) * Map<T>(b, s.n, s.k).transpose();
  else if (!s.transpose_b) C.noalias() = Map<T>(a, s.k, s.m).transpose() * Map<T>(b, s.k, s.n);
  else C.noalias() = Map<T>(a, s.k, s.m).transpose() * Map<T>(b, s.n, s.k).transpose();
}

template <class Op, class T>
void activate(T* row, i64 n) {
  for (i64 i = 0; i < n; ++i) row[i] = Op::value(row[i]);
}

}  // namespace

CpuBackend cpu_backend() { return chosen_backend(); }

void set_cpu_backend(CpuBackend backend) {
  WEFT_CHECK(
      backend != CpuBackend::onednn || onednn::version() != nullptr,
      "set_cpu_backend: oneDNN given; this build has no oneDNN (install libdnnl-dev and build again)");
  chosen_backend() = backend;
}

const char* name_of(CpuBackend backend) {
  static const std::string eigen = "Eigen " + std::to_string(EIGEN_WORLD_VERSION) + "." +
                                   std::to_string(EIGEN_MAJOR_VERSION) + "." +
                                   std::to_string(EIGEN_MINOR_VERSION);
  return backend == CpuBackend::onednn ? onednn::version() : eigen.c_str();
}

template <class T>
void add_bias_and_activate(Cpu, T* c, const T* bias, Activation activation, i64 rows, i64 n) {
  if (bias == nullptr && activation == Activation::none) return;
  parallel_for(rows, 16 * 1024 / n + 1, [=](i64 begin, i64 end) {
    simd([=] {
      for (i64 r = begin; r < end; ++r) {
        T* row = c + r * n;
        if (bias != nullptr)
          for (i64 i = 0; i < n; ++i) row[i] += bias[i];
        switch (activation) {
          case Activation::none: break;
          case Activation::relu: activate<Relu>(row, n); break;
          case Activation::gelu: activate<Gelu>(row, n); break;
          case Activation::silu: activate<Silu>(row, n); break;
          case Activation::tanh: activate<Tanh>(row, n); break;
          case Activation::sigmoid: activate<Sigmoid>(row, n); break;
        }
      }
    });
  });
}

template <class T, class C>
void matmul(Cpu, C* c, const T* a, const T* b, const C* bias, Activation activation,
            const MatmulShape& s) {
  if (s.batch * s.m * s.n == 0) return;
  if constexpr (onednn::kTakes<T>) {
    if (s.k > 0 && cpu_backend() == CpuBackend::onednn &&
        onednn::matmul(c, a, b, bias, activation, s))
      return;
  }
  if constexpr (!is_computed<T>) {
    const AsCompute<T> a_values(a, s.batch * s.m * s.k), b_values(b, s.batch * s.k * s.n);
    return matmul(Cpu{}, c, a_values.data(), b_values.data(), bias, activation, s);
  } else {
    for (i64 i = 0; i < s.batch; ++i)
      eigen_product(c + i * s.m * s.n, a + i * s.m * s.k, b + i * s.k * s.n, s);
    add_bias_and_activate(Cpu{}, c, bias, activation, s.batch * s.m, s.n);
  }
}

template void add_bias_and_activate(Cpu, float*, const float*, Activation, i64, i64);
template void add_bias_and_activate(Cpu, double*, const double*, Activation, i64, i64);
#define WEFT_MATMUL(T, C) \
  template void matmul(Cpu, C*, const T*, const T*, const C*, Activation, const MatmulShape&);
WEFT_CPU_PRODUCT_TYPES(WEFT_MATMUL)

}  // namespace weft::kernels
