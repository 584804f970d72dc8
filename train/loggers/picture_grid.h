// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <optional>

#include "weft/data/pixels.h"
#include "weft/tensor/tensor.h"

namespace weft::train {

// The first images of a batch side by side, as many as a picture of about a million pixels takes
// and at most 64. `images` is (batch, height, width, channels) on the CPU, uint8 or floating.
// Floating values outside of [0, 1] are mapped to it by the least and the greatest of them. Of
// other than 1 or 3 channels, the first one or three are shown. Nothing for any other tensor.
std::optional<data::Pixels> picture_grid(const Tensor& images);

}  // namespace weft::train
