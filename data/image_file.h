// SPDX-License-Identifier: Apache-2.0
// Pictures from files.
#pragma once
#include <optional>
#include <string>

#include "weft/tensor/tensor.h"

namespace weft::data {

// The largest picture. While it is read, 4 bytes for each pixel are allocated beside the result.
constexpr i64 kMaxPictureSide = 65535;
constexpr i64 kMaxPicturePixels = i64{1} << 24;

struct PictureSize {
  i64 height, width;
};

// A PNG file as (height, width, channels) in uint8, with 1 channel (grey) or 3 (red, green, blue).
//
// The values are those of the file, as Pillow reads them: 16-bit values v become v / 257, rounded;
// transparency, of an alpha channel, a palette or a tRNS chunk, is blended with black on these
// values; gamma and colour profiles are ignored. Grey of a coloured picture is (19595 red + 38470
// green + 7471 blue) / 65536, rounded.
//
// Throws a UserError that names the file if it is missing, no regular file, damaged, no PNG, of
// another size than `required`, or too large. The size is checked, also against the bytes of the
// file, before memory is allocated for pixels.
Tensor read_png(const std::string& path, i64 channels, std::optional<PictureSize> required = {});

// A JPEG file, likewise: the values are those of libjpeg-turbo's accurate decoder; of Exif data and
// colour profiles nothing is used. A file that ends early or is damaged is refused, and so is one
// with four channels (CMYK).
Tensor read_jpeg(const std::string& path, i64 channels, std::optional<PictureSize> required = {});

// A PNG or JPEG file, by its first bytes.
Tensor read_picture(const std::string& path, i64 channels,
                    std::optional<PictureSize> required = {});

}  // namespace weft::data
