// SPDX-License-Identifier: Apache-2.0
// The values of each channel that the kernels of batch norm read on the CPU.
#pragma once
#include <algorithm>

#include "weft/kernels/batch_norm.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {

// The factors and offsets of each channel, in the type of the rows. The mean is the sum of two
// values, so that x − mean keeps its precision if the mean is large.
template <class T>
struct NormChannels {
  explicit NormChannels(i64 channels) : memory(Cpu{}, 5 * channels) {
    mean = memory.data();
    mean_low = mean + channels;
    scale = mean_low + channels;
    shift = scale + channels;
    slope = shift + channels;
  }
  Scratch<T, Cpu> memory;
  T *mean, *mean_low;  // the mean is mean + mean_low
  T* scale;            // gamma·inv_std
  T* shift;            // forward: beta; backward: Σ dz/rows
  T* slope;            // backward: inv_std²·Σ dz·(x − mean)/rows
};

template <class T>
void fill_channels(const NormChannels<T>& c, const BatchNormParameters<T>& parameters,
                   i64 channels) {
  const auto [gamma, beta, mean, inv_std] = parameters;
  for (i64 i = 0; i < channels; ++i) {
    c.mean[i] = static_cast<T>(mean[i]);
    c.mean_low[i] = static_cast<T>(mean[i] - static_cast<double>(c.mean[i]));
    c.scale[i] =
        static_cast<T>((gamma != nullptr ? static_cast<double>(gamma[i]) : 1.0) * inv_std[i]);
    c.shift[i] = beta != nullptr ? beta[i] : T(0);
  }
}

template <class T>
T centred(const NormChannels<T>& c, T x, i64 i) {
  return (x - c.mean[i]) - c.mean_low[i];
}

// What both parts of the backward pass read of the channels.
template <class T>
struct NormBackwardChannels {
  NormBackwardChannels(const BatchNormParameters<T>& parameters, i64 channels)
      : values(channels), beta(Cpu{}, channels), inv_std(parameters.inv_std) {
    fill_channels(values, parameters, channels);
    std::copy_n(values.shift, channels, beta.data());  // set_terms() overwrites the shift
  }
  // `sums` are Σ dz and Σ dz·(x − mean) of each channel over `rows`.
  void set_terms(const double* sums, double rows, i64 channels) const {
    const double *sum = sums, *product = sums + channels;
    const double per_row = rows > 0 ? 1.0 / rows : 0.0;
    for (i64 i = 0; i < channels; ++i) {
      values.shift[i] = static_cast<T>(sum[i] * per_row);
      values.slope[i] = static_cast<T>(product[i] * per_row * inv_std[i] * inv_std[i]);
    }
  }
  NormChannels<T> values;
  Scratch<T, Cpu> beta;
  const double* inv_std;
};

}  // namespace weft::kernels
