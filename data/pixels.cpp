// SPDX-License-Identifier: Apache-2.0
#include "weft/data/pixels.h"

#include <png.h>

#include "weft/core/error.h"

namespace weft::data {

std::string png_of(const Pixels& pixels) {
  WEFT_ASSERT(
      static_cast<i64>(pixels.bytes.size()) == pixels.height * pixels.width * pixels.channels,
      "{} bytes for a picture of {} × {} × {}", pixels.bytes.size(), pixels.height, pixels.width,
      pixels.channels);
  png_image image{};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(pixels.width);
  image.height = static_cast<png_uint_32>(pixels.height);
  image.format = pixels.channels == 1   ? PNG_FORMAT_GRAY
                 : pixels.channels == 3 ? PNG_FORMAT_RGB
                                        : PNG_FORMAT_RGBA;
  png_alloc_size_t size = PNG_IMAGE_PNG_SIZE_MAX(image);
  std::string png(size, '\0');
  const bool written =
      png_image_write_to_memory(&image, png.data(), &size, 0, pixels.bytes.data(), 0, nullptr) != 0;
  png_image_free(&image);
  WEFT_ASSERT(written, "libpng: {}", static_cast<const char*>(image.message));
  png.resize(size);
  return png;
}

}  // namespace weft::data
