// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "weft/tensor/tensor.h"

namespace weft::train {

struct Pixels {
  i64 height = 0, width = 0, channels = 0;  // channels: 1 grey, 3 red, green and blue
  std::vector<unsigned char> values = {};   // (height, width, channels)
};

// The first images of a batch side by side, as many as a picture of about a million pixels takes
// and at most 64. `images` is (batch, height, width, channels) on the CPU, uint8 or floating.
// Floating values outside of [0, 1] are mapped to it by the least and the greatest of them. Of
// other than 1 or 3 channels, the first one or three are shown. Nothing for any other tensor.
std::optional<Pixels> picture_grid(const Tensor& images);

// A PNG file. Throws InternalError if libpng cannot write it.
std::string png_of(const Pixels& pixels);

}  // namespace weft::train
