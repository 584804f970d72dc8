// SPDX-License-Identifier: Apache-2.0
#include "weft/data/resize.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "weft/core/error.h"

namespace weft::data {
namespace {

// Weights are integers, of which kOne is 1. A sum of weighted bytes fits into 32 bits: the weights
// of bicubic have absolute values of at most 1.25 in all.
constexpr int kWeightBits = 22;
constexpr double kOne = 1 << kWeightBits;

double weight_at(ResizeFilter filter, double x) {
  const double d = std::abs(x);
  switch (filter) {
    case ResizeFilter::box: return x > -0.5 && x <= 0.5 ? 1 : 0;
    case ResizeFilter::bilinear: return std::max(0.0, 1 - d);
    case ResizeFilter::bicubic: break;
  }
  constexpr double a = -0.5;
  if (d < 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? (((d - 5) * d + 8) * d - 4) * a : 0;
}

double radius_of(ResizeFilter filter) {
  return filter == ResizeFilter::box ? 0.5 : filter == ResizeFilter::bilinear ? 1 : 2;
}

// For each pixel of an output line: the first input pixel and the weights from there on.
struct LineFilter {
  struct Pixel {
    i64 first;
    std::size_t weights_begin, weights_end;
  };
  std::vector<Pixel> pixels;
  std::vector<i32> weights;
};

LineFilter line_filter(i64 from, i64 to, ResizeFilter filter) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double widened = std::max(scale, 1.0), radius = radius_of(filter) * widened;
  LineFilter line;
  std::vector<double> weights;
  for (i64 i = 0; i < to; ++i) {
    const double center = (static_cast<double>(i) + 0.5) * scale;
    const i64 first = std::max<i64>(0, std::lround(center - radius));
    const i64 last = std::min(from, std::lround(center + radius));
    weights.clear();
    double sum = 0;
    for (i64 j = first; j < last; ++j) {
      weights.push_back(weight_at(filter, (static_cast<double>(j) - center + 0.5) / widened));
      sum += weights.back();
    }
    const std::size_t begin = line.weights.size();
    for (const double weight : weights)
      line.weights.push_back(static_cast<i32>(std::lround(weight / sum * kOne)));
    line.pixels.push_back({first, begin, line.weights.size()});
  }
  return line;
}

u8 rounded(i32 sum) {
  return static_cast<u8>(std::clamp((sum + (1 << (kWeightBits - 1))) >> kWeightBits, 0, 255));
}

void filter_row(const LineFilter& line, const u8* in, u8* out, i64 channels) {
  for (const LineFilter::Pixel& pixel : line.pixels)
    for (i64 c = 0; c < channels; ++c) {
      i32 sum = 0;
      const u8* value = in + pixel.first * channels + c;
      for (std::size_t w = pixel.weights_begin; w < pixel.weights_end; ++w, value += channels)
        sum += line.weights[w] * *value;
      *out++ = rounded(sum);
    }
}

}  // namespace

Tensor resized(const Tensor& picture, i64 height, i64 width, ResizeFilter filter) {
  WEFT_CHECK(picture.rank() == 3 && picture.dtype() == DType::uint8 && picture.elements() > 0,
             "resize: the picture is {} in {}; (height, width, channels) in uint8 is required",
             picture.shape(), picture.dtype());
  WEFT_CHECK(height > 0 && width > 0, "resize: to {} × {}; at least 1 × 1 is required", height,
             width);
  const i64 rows = picture.size(0), cols = picture.size(1), channels = picture.size(2);
  Tensor wide = picture;
  if (width != cols) {
    const LineFilter line = line_filter(cols, width, filter);
    wide = Tensor::empty({rows, width, channels}, DType::uint8);
    for (i64 y = 0; y < rows; ++y)
      filter_row(line, picture.data<u8>() + y * cols * channels,
                 wide.data<u8>() + y * width * channels, channels);
  }
  if (height == rows) return wide;
  const LineFilter line = line_filter(rows, height, filter);
  Tensor out = Tensor::empty({height, width, channels}, DType::uint8);
  const i64 bytes = width * channels;
  std::vector<i32> sums(static_cast<std::size_t>(bytes));
  for (i64 y = 0; y < height; ++y) {
    const LineFilter::Pixel& pixel = line.pixels[static_cast<std::size_t>(y)];
    std::fill(sums.begin(), sums.end(), 0);
    const u8* row = wide.data<u8>() + pixel.first * bytes;
    for (std::size_t w = pixel.weights_begin; w < pixel.weights_end; ++w, row += bytes)
      for (i64 i = 0; i < bytes; ++i) sums[static_cast<std::size_t>(i)] += line.weights[w] * row[i];
    u8* to = out.data<u8>() + y * bytes;
    for (i64 i = 0; i < bytes; ++i) to[i] = rounded(sums[static_cast<std::size_t>(i)]);
  }
  return out;
}

}  // namespace weft::data
