// SPDX-License-Identifier: Apache-2.0
#include "weft/view/pixels.h"

#include <algorithm>

namespace weft::view {
namespace {

std::string base64(const std::string& bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    u32 group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? static_cast<u8>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63] : '=';
  }
  return text;
}

}  // namespace

Pixels reduced(const Pixels& pixels, i64 longest) {
  const i64 side = (std::max(pixels.height, pixels.width) + longest - 1) / longest;
  if (side <= 1) return pixels;
  Pixels small{(pixels.height + side - 1) / side, (pixels.width + side - 1) / side,
               pixels.channels};
  for (i64 y = 0; y < small.height; ++y)
    for (i64 x = 0; x < small.width; ++x)
      for (i64 c = 0; c < small.channels; ++c) {
        i64 sum = 0, count = 0;
        for (i64 v = y * side; v < std::min(pixels.height, (y + 1) * side); ++v)
          for (i64 u = x * side; u < std::min(pixels.width, (x + 1) * side); ++u, ++count)
            sum +=
                pixels
                    .bytes[static_cast<std::size_t>((v * pixels.width + u) * pixels.channels + c)];
        small.bytes.push_back(static_cast<u8>((sum + count / 2) / count));
      }
  return small;
}

std::string data_uri_of(const Pixels& pixels) {
  return "data:image/png;base64," + base64(png_of(pixels));
}

}  // namespace weft::view
