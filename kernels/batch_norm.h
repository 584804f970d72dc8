// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of each channel over rows, with an optional residual and relu after it.
//   math     x̂ = (x − mean)·inv_std, inv_std = 1/√(variance + eps);
//            y = gamma·x̂ + beta, + residual, then max(·, 0) if relu
//            variance divides by rows, batch_var by rows − 1
//            backward: dz = dy·[y > 0] if relu, else dy
//            dresidual = dz, dbeta = Σ dz, dgamma = Σ dz·x̂
//            dx = gamma·inv_std·(dz − dbeta/rows − x̂·dgamma/rows)
//            dx = gamma·inv_std·dz for constant statistics
//   shapes   x, y, residual (rows, channels); gamma, beta (null: 1, 0), mean, inv_std, … (channels)
//   saved    x, mean, inv_std; y if a relu follows a residual
//   aliasing y may be x or residual; dresidual, or dx without dresidual, may be dy
//   source   Ioffe & Szegedy 2015, arXiv:1502.03167; block sums are combined as in
//            Chan, Golub & LeVeque 1979, in an order independent of the number of threads
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// The statistics of each channel. They are double, because a float mean loses too many digits when
// the mean is much larger than the standard deviation.
struct BatchStatistics {
  double *mean = nullptr, *inv_std = nullptr, *batch_var = nullptr;
};
template <class T, class Device>
void batch_statistics(Device device, const BatchStatistics& out, Rows<const T> x, double eps);

// The parameters and statistics that normalise each channel.
template <class T>
struct BatchNormParameters {
  const T *gamma = nullptr, *beta = nullptr;
  const double *mean = nullptr, *inv_std = nullptr;
};
// `residual` may be null.
template <class T, class Device>
void batch_norm(Device device, Rows<T> y, Rows<const T> x, const T* residual,
                const BatchNormParameters<T>& parameters, bool relu);

// A gradient whose pointer is null is not computed.
template <class T>
struct BatchNormGradients {
  T *dx = nullptr, *dresidual = nullptr, *dgamma = nullptr, *dbeta = nullptr;
};
// The options of the forward pass.
struct BatchNormMode {
  bool relu = false, constant_statistics = false;
};
// `y` is required and read only if a relu follows a residual.
template <class T, class Device>
void batch_norm_backward(Device device, const BatchNormGradients<T>& out, Rows<const T> dy,
                         Rows<const T> x, const T* y, const BatchNormParameters<T>& parameters,
                         BatchNormMode mode);

// `batches` may be null.
template <class T>
struct RunningStatistics {
  T *mean = nullptr, *var = nullptr;
  i64* batches = nullptr;
  i64 channels = 0;
};
struct BatchMoments {
  const double *mean = nullptr, *var = nullptr;
};
// running += momentum·(batch − running) and ++*batches, unless *skip. `skip` may be null.
template <class T, class Device>
void commit_running_stats(Device device, const RunningStatistics<T>& running, BatchMoments batch,
                          double momentum, const bool* skip);

}  // namespace weft::kernels
