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

// Note [Shared batch]
// The rows of a batch may lie in several processes, each of which has a share of them. These steps
// then take the place of batch_statistics() and batch_norm_backward(). After a step that writes
// `sums` or `squares`, the caller replaces them by their sums over all processes. If these have the
// same bits in every process, so have the statistics.
//
//   share_moments             mean, squares = Σ (x − mean)² of the share; sums = (rows·mean, rows)
//   recentre_moments          mean = Σ rows·mean/Σ rows from the sums over all processes;
//                             squares += rows·(mean of the share − mean)², rows of the share
//   finish_statistics         inv_std and batch_var from the squares over all processes
//   batch_norm_backward_sums  dresidual, dgamma and dbeta of the share;
//                             sums = (Σ dz, Σ dz·(x − mean), rows)
//   batch_norm_backward_dx    dx from the sums over all processes
//
// Squares are taken around a mean before they are summed, so that no digits cancel if the mean is
// large. A share may have no rows, and its moments and sums are then 0.

// mean and squares are (channels) and sums (channels + 1), on the device.
struct ShareMoments {
  double *mean = nullptr, *squares = nullptr, *sums = nullptr;
};
template <class T, class Device>
void share_moments(Device device, const ShareMoments& out, Rows<const T> x);
// `rows` are those of the share.
template <class Device>
void recentre_moments(Device device, const ShareMoments& moments, i64 rows, i64 channels);
// Writes all of `out` but the mean. *rows, on the device, are those of all processes. `batch_var`
// may be `squares`.
template <class Device>
void finish_statistics(Device device, const BatchStatistics& out, const double* squares,
                       const double* rows, double eps, i64 channels);

// `sums` is (2·channels + 1). out.dx is not written. Aliasing is that of batch_norm_backward().
template <class T, class Device>
void batch_norm_backward_sums(Device device, double* sums, const BatchNormGradients<T>& out,
                              Rows<const T> dy, Rows<const T> x, const T* y,
                              const BatchNormParameters<T>& parameters, bool relu);
// Writes out.dx, and reads out.dresidual in place of dy if it is not null.
template <class T, class Device>
void batch_norm_backward_dx(Device device, const BatchNormGradients<T>& out, const double* sums,
                            Rows<const T> dy, Rows<const T> x, const T* y,
                            const BatchNormParameters<T>& parameters, bool relu);

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
