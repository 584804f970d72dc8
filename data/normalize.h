// SPDX-License-Identifier: Apache-2.0
// Normalization: shift and scale that bring a dataset's inputs to mean 0 and standard deviation 1.
// The statistics are computed here once. The training loop applies them on the device, batch by
// batch.
#pragma once
#include <string>
#include <vector>

#include "weft/data/dataset.h"

namespace weft::data {

// Each vector has one entry per index of the sample's last axis: per channel of an image (height,
// width, channels), or per feature of a vector. Bytes are divided by 255, as is usual in the field;
// f32 values are taken as they are.
//   input = (x - mean) / std
struct Normalization {
  std::vector<double> mean, std;

  // The terms of the formula for values as stored (kernels/normalize.h), each for all channels:
  // factor and offset of bytes; scale, high, low and factor of f32.
  std::vector<float> terms(DType stored) const;
  std::string to_string() const;  // "mean 0.1307, std 0.3081"; "mean (0.49, 0.48, 0.45), std (…)"
  friend bool operator==(const Normalization&, const Normalization&) = default;
};

// Mean 0 and std 1: bytes are mapped to [0, 1], and f32 values do not change.
Normalization no_normalization(const DatasetInfo& info);

// Mean and population standard deviation over all samples, from exact integer sums for bytes, in
// double for f32. A constant channel gets std 1. Throws UserError for a sample that cannot be read
// or is not finite; with BadSamples::skip, such samples are left out.
Normalization statistics_of(const Dataset& dataset, BadSamples bad = BadSamples::error);

}  // namespace weft::data
