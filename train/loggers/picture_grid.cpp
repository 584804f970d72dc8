// SPDX-License-Identifier: Apache-2.0
#include "weft/train/loggers/picture_grid.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace weft::train {
namespace {

constexpr i64 kGap = 2, kMostImages = 64, kMostPixels = 1'000'000;
constexpr unsigned char kBetween = 96;  // the grey between the images

// The bytes that show the values of the first images.
std::vector<unsigned char> bytes_of_images(const Tensor& images) {
  if (images.dtype() == DType::uint8) return images.to_vector<unsigned char>();
  const std::vector<float> values = images.to(DType::f32).to_vector<float>();
  float least = 0, greatest = 1;
  for (const float value : values)
    if (std::isfinite(value)) {
      least = std::min(least, value);
      greatest = std::max(greatest, value);
    }
  std::vector<unsigned char> bytes;
  bytes.reserve(values.size());
  for (const float value : values) {
    const float share = (value - least) / (greatest - least);
    bytes.push_back(static_cast<unsigned char>(
        std::isfinite(share) ? std::lround(255 * std::clamp(share, 0.0f, 1.0f)) : 0));
  }
  return bytes;
}

}  // namespace

std::optional<data::Pixels> picture_grid(const Tensor& images) {
  if (!images.defined() || images.rank() != 4 || images.elements() == 0) return std::nullopt;
  if (images.dtype() != DType::uint8 && !is_floating(images.dtype())) return std::nullopt;
  const i64 height = images.size(1), width = images.size(2), channels = images.size(3);
  const i64 count =
      std::min({images.size(0), kMostImages, std::max<i64>(1, kMostPixels / (height * width))});
  const i64 columns = static_cast<i64>(std::ceil(std::sqrt(static_cast<double>(count))));
  const i64 rows = (count + columns - 1) / columns;
  const i64 shown = channels >= 3 ? 3 : 1;
  const std::vector<unsigned char> bytes = bytes_of_images(images.slice(0, count));
  data::Pixels grid{rows * (height + kGap) - kGap, columns * (width + kGap) - kGap, shown, {}};
  grid.bytes.assign(static_cast<std::size_t>(grid.height * grid.width * shown), kBetween);
  for (i64 i = 0; i < count; ++i)
    for (i64 y = 0; y < height; ++y)
      for (i64 x = 0; x < width; ++x) {
        const i64 from = ((i * height + y) * width + x) * channels;
        const i64 to =
            ((i / columns * (height + kGap) + y) * grid.width + i % columns * (width + kGap) + x) *
            shown;
        std::copy_n(bytes.begin() + from, shown, grid.bytes.begin() + to);
      }
  return grid;
}

}  // namespace weft::train
