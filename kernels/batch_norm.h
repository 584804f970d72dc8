// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of each channel over rows, with an optional residual and relu behind it.
//   math     x̂ = (x − mean)·inv_std, inv_std = 1/√(variance + eps);  y = gamma·x̂ + beta, + residual, then
//            max(·, 0) if relu. The variance that normalises divides by rows, batch_var by rows − 1.
//            backward, with dz = dy·[y > 0] if relu, else dy: dresidual = dz, dbeta = Σ dz, dgamma = Σ dz·x̂,
//            dx = gamma·inv_std·(dz − dbeta/rows − x̂·dgamma/rows); for constant statistics gamma·inv_std·dz
//   shapes   x, y, residual (rows, channels); gamma, beta (null: 1, 0), mean, inv_std, … (channels)
//   saved    x, mean, inv_std; y where a relu follows a residual
//   aliasing y may be x or residual; dresidual, or dx without dresidual, may be dy
//   source   Ioffe & Szegedy 2015, arXiv:1502.03167; sums of blocks are put together as in Chan, Golub &
//            LeVeque 1979, in an order that does not depend on the threads
#pragma once
#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft::kernels {

struct BatchNormShape {
  i64 rows = 0, channels = 0;
};

// Statistics are double: a float cannot hold a mean that is large beside the deviation.
template <class T>
void batch_statistics(Cpu, double* mean, double* inv_std, double* batch_var, const T* x, double eps,
                      const BatchNormShape& shape);
template <class T>
void batch_statistics(Cuda, double* mean, double* inv_std, double* batch_var, const T* x,
                      double eps, const BatchNormShape& shape);

template <class T>
void batch_norm(Cpu, T* y, const T* x, const T* residual, const T* gamma, const T* beta,
                const double* mean, const double* inv_std, bool relu, const BatchNormShape& shape);
template <class T>
void batch_norm(Cuda, T* y, const T* x, const T* residual, const T* gamma, const T* beta,
                const double* mean, const double* inv_std, bool relu, const BatchNormShape& shape);

// Those that are null are not computed.
template <class T>
struct BatchNormGradients {
  T *dx = nullptr, *dresidual = nullptr, *dgamma = nullptr, *dbeta = nullptr;
};
// `y` is read, and required, only for a relu behind a residual.
template <class T>
void batch_norm_backward(Cpu, const BatchNormGradients<T>& gradients, const T* dy, const T* x,
                         const T* y, const T* gamma, const T* beta, const double* mean,
                         const double* inv_std, bool relu, bool constant_statistics,
                         const BatchNormShape& shape);
template <class T>
void batch_norm_backward(Cuda, const BatchNormGradients<T>& gradients, const T* dy, const T* x,
                         const T* y, const T* gamma, const T* beta, const double* mean,
                         const double* inv_std, bool relu, bool constant_statistics,
                         const BatchNormShape& shape);

// running += momentum·(batch − running) and ++*batches, unless *skip. `skip` and `batches` may be null.
template <class T>
void commit_running_stats(Cpu, T* running_mean, T* running_var, i64* batches,
                          const double* batch_mean, const double* batch_var, double momentum,
                          const bool* skip, i64 channels);
template <class T>
void commit_running_stats(Cuda, T* running_mean, T* running_var, i64* batches,
                          const double* batch_mean, const double* batch_var, double momentum,
                          const bool* skip, i64 channels);

}  // namespace weft::kernels
