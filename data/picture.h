// SPDX-License-Identifier: Apache-2.0
// What the readers of PNG and JPEG files share.
#pragma once
#include "weft/core/error.h"
#include "weft/data/image_file.h"

namespace weft::data {

inline u8 grey_of(u32 red, u32 green, u32 blue) {
  return static_cast<u8>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

inline void check_channels(const std::string& path, i64 channels) {
  WEFT_CHECK(channels == 1 || channels == 3,
             "{}: {} channels were asked for; 1 (grey) or 3 (red, green, blue) is required", path,
             channels);
}

// Throws unless the picture is of the required size and its pixels may be read.
inline void check_picture_size(const std::string& path, i64 height, i64 width,
                               std::optional<PictureSize> required) {
  if (required)
    WEFT_CHECK(height == required->height && width == required->width,
               "{}: {} × {} pixels; {} × {} is required (data.size resizes pictures)", path, width,
               height, required->width, required->height);
  WEFT_CHECK(height * width <= kMaxPicturePixels, "{}: {} × {} pixels; at most {} are read", path,
             width, height, kMaxPicturePixels);
}

}  // namespace weft::data
