// SPDX-License-Identifier: Apache-2.0
// Normalization: shift and scale that bring a dataset's inputs to mean 0 and standard deviation 1. The
// numbers are found here once and applied on the device, batch by batch, in the training loop.
#pragma once
#include <string>
#include <vector>

#include "weft/data/dataset.h"

namespace weft::data {

// One entry per index of the sample's last axis: per channel of an image (height, width, channels), per
// feature of a vector. Bytes count as parts of one, x / 255, as everywhere in the field; f32 as it is.
//   input = (x - mean) / std = x * factor + offset, with factor and offset for x as stored
struct Normalization {
  std::vector<double> mean, std;

  double factor(std::size_t channel, DType stored) const;
  double offset(std::size_t channel) const { return -mean[channel] / std[channel]; }
  std::string to_string() const;  // "mean 0.1307, std 0.3081"; "mean (0.49, 0.48, 0.45), std (…)"
  friend bool operator==(const Normalization&, const Normalization&) = default;
};

// Mean 0 and std 1: bytes become [0, 1], numbers stay.
Normalization no_normalization(const DatasetInfo& info);

// Mean and population standard deviation over all samples: from exact integer sums for bytes, in double
// for f32. A channel that never changes gets std 1. Throws UserError for a sample that is not finite.
Normalization statistics_of(const Dataset& dataset);

}  // namespace weft::data
