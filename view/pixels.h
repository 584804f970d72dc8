// SPDX-License-Identifier: Apache-2.0
// Pictures in memory, as PNG and inside of a page.
#pragma once
#include <string>
#include <vector>

#include "weft/core/types.h"

namespace weft::view {

// (height, width, channels) in 8 bits: 1 channel is grey, 3 are red, green and blue, and 4 have
// opacity.
struct Pixels {
  i64 height = 0, width = 0, channels = 1;
  std::vector<u8> bytes = {};
};

// The mean over squares of the least whole side with which no side is longer than `longest`.
Pixels reduced(const Pixels& pixels, i64 longest);
// The bytes of a PNG file. Throws InternalError.
std::string png_of(const Pixels& pixels);
// For the attribute `src` of an image: "data:image/png;base64,…".
std::string data_uri_of(const Pixels& pixels);

}  // namespace weft::view
