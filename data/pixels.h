// SPDX-License-Identifier: Apache-2.0
// Pictures in memory, which are written as PNG. image_file.h reads pictures.
#pragma once
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::data {

// (height, width, channels) in 8 bits: 1 channel is grey, 3 are red, green and blue, and 4 have
// opacity.
struct Pixels {
  i64 height = 0, width = 0, channels = 1;
  std::vector<u8> bytes = {};
};

// The bytes of a PNG file. Throws InternalError.
std::string png_of(const Pixels& pixels);

}  // namespace weft::data
