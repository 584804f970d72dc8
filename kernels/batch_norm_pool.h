// SPDX-License-Identifier: Apache-2.0
// Batch normalisation of images, relu, and max pooling of windows of 2 × 2 pixels, in one pass.
//   math     z = gamma·x̂ + beta, then max(·, 0) if relu (batch_norm.h)
//            y[n,i,j,c] = max of z[n, 2·i + a, 2·j + b, c] over a, b in {0, 1} (pool2d.h)
//            index = 2·a + b of the first maximum, best = x there
//            backward: dz = dy where y > 0, or everywhere without relu, at the index of its window;
//            0 at the other pixels. Then as in batch_norm.h
//   shapes   x (batch, height, width, channels) of at least 2 × 2 pixels
//            y, best, index (batch, height div 2, width div 2, channels); gamma, beta (null: 1, 0),
//            mean, inv_std (channels)
//   saved    x, mean, inv_std, best, index
//   aliasing none
//   source   Note [Pooling before normalising]
//
// Note [Pooling before normalising]
// In each channel z grows with x, or falls if gamma is negative. So the maximum of z is at the
// largest or smallest x of a window, and z is computed there only. Rounding does not change that:
// each operation of z keeps the order of its operand. So y has the same bits as if all of z were
// pooled, but for the sign of a zero, while gamma·inv_std and beta are finite. If x differs within
// a window and rounds to the same z, the index is that of the better x, and of the first one in
// pool2d.h.
// All of z is neither written nor read. Counted with the statistics, forward and backward pass read
// and write 5.6 times the bytes of x, and 10.6 times as two ops. `best` takes a quarter of x until
// the backward pass.
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/batch_norm.h"

namespace weft::kernels {

struct PooledImages {
  i64 batch = 0, height = 0, width = 0, channels = 0;  // of x

  constexpr i64 pixels() const { return batch * height * width; }
  constexpr i64 windows() const { return batch * (height / 2) * (width / 2); }
};

// `best` and `index` may be null together.
template <class T, class Device>
void batch_norm_pool(Device device, T* y, T* best, u8* index, const T* x,
                     const PooledImages& images, const BatchNormParameters<T>& parameters,
                     bool relu);

// What the backward pass reads of each window.
template <class T>
struct PooledWindows {
  const T *dy = nullptr, *best = nullptr;
  const u8* index = nullptr;
};
// Writes dx. `sums`, and dgamma and dbeta, are those of batch_norm_backward_sums() for the rows of
// dy and best: the other pixels add nothing to them.
template <class T, class Device>
void batch_norm_pool_dx(Device device, T* dx, const double* sums, const PooledWindows<T>& windows,
                        const T* x, const PooledImages& images,
                        const BatchNormParameters<T>& parameters, bool relu);

}  // namespace weft::kernels
