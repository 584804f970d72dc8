// SPDX-License-Identifier: Apache-2.0
// Statistics of the elements of a tensor, for people who look at a step.
#pragma once
#include <vector>

#include "weft/data/pixels.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

struct Statistics {
  static constexpr i64 kBins = 40;

  i64 elements = 0, non_finite = 0;
  // Of the finite elements; all 0 without any. `std` divides by their number.
  double mean = 0, std = 0, min = 0, max = 0, norm = 0;
  double zeros = 0;  // share of the elements that are exactly 0
  // Counts of equal bins from min to max. Of a large tensor every n-th element is counted. Empty
  // without finite elements.
  std::vector<i64> histogram = {};
};

// Of scale·x, from any device, which is waited for. Integer tensors are refused (UserError).
Statistics statistics_of(const Tensor& x, double scale = 1);

// The elements on the host as f32 or f64, times nothing. A tensor that is so already is not copied.
Tensor on_host(const Tensor& x);

// The first image of a batch (batch, height, width, channels) as a row of pictures, one per
// channel and at most `most`, each from its smallest value (black) to its largest (white). Wide
// images are thinned to 48 pixels.
data::Pixels feature_maps(const Tensor& batch, i64 most);
// The image itself in grey or colour; of more channels the first.
data::Pixels picture_of(const Tensor& batch);
// Filters (out, height, width, in) as a grid, at most `most`. Of three inputs they are coloured, of
// others each is its mean over the inputs. Grey is 0.
data::Pixels filters_of(const Tensor& weight, i64 most);

}  // namespace weft::train
