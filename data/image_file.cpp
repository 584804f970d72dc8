// SPDX-License-Identifier: Apache-2.0
#include "weft/data/image_file.h"

#include <png.h>

namespace weft::data {
namespace {

constexpr i64 kMaxBytes = i64{1} << 28;

// libpng's simplified interface; its destructor frees it.
struct Png {
  png_image image{};
  Png() { image.version = PNG_IMAGE_VERSION; }
  ~Png() { png_image_free(&image); }
  Png(const Png&) = delete;
  Png& operator=(const Png&) = delete;
};

}  // namespace

Tensor read_png(const std::string& path, i64 channels) {
  WEFT_CHECK(channels == 1 || channels == 3, "{}: {} channels wanted; a picture has 1 or 3", path,
             channels);
  Png png;
  WEFT_CHECK(png_image_begin_read_from_file(&png.image, path.c_str()) != 0,
             "{}: cannot be read ({}); a PNG file is required", path, png.image.message);
  png.image.format = channels == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  const i64 height = png.image.height, width = png.image.width;
  WEFT_CHECK(height * width * channels <= kMaxBytes, "{}: {}×{} pixels; at most {} bytes are read",
             path, width, height, kMaxBytes);
  Tensor pixels = Tensor::empty({height, width, channels}, DType::uint8);
  const png_color black{0, 0, 0};
  WEFT_CHECK(png_image_finish_read(&png.image, &black, pixels.data<u8>(), 0, nullptr) != 0,
             "{}: is damaged ({}); a whole PNG file is required", path, png.image.message);
  return pixels;
}

}  // namespace weft::data
