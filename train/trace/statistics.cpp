// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trace/statistics.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "weft/core/error.h"

namespace weft::train {
namespace {

// A histogram of more elements than this counts a part of them.
constexpr i64 kMostCounted = 1 << 17;

template <class T>
Statistics of(std::span<const T> x, double scale) {
  Statistics s;
  s.elements = static_cast<i64>(x.size());
  double sum = 0, squares = 0, low = std::numeric_limits<double>::infinity(), high = -low;
  i64 zeros = 0;
  for (const T element : x) {
    const double v = static_cast<double>(element);
    if (!std::isfinite(v)) {
      ++s.non_finite;
      continue;
    }
    sum += v;
    squares += v * v;
    low = std::min(low, v);
    high = std::max(high, v);
    zeros += v == 0;
  }
  const i64 finite = s.elements - s.non_finite;
  if (finite == 0) return s;
  const double n = static_cast<double>(finite), size = std::abs(scale);
  s.mean = sum / n * scale;
  s.std = std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))) * size;
  s.norm = std::sqrt(squares) * size;
  s.min = (scale < 0 ? high : low) * scale;
  s.max = (scale < 0 ? low : high) * scale;
  s.zeros = static_cast<double>(zeros) / static_cast<double>(s.elements);
  s.histogram.assign(static_cast<std::size_t>(Statistics::kBins), 0);
  const std::size_t stride = static_cast<std::size_t>(std::max<i64>(1, s.elements / kMostCounted));
  const double per_bin = high > low ? static_cast<double>(Statistics::kBins) / (high - low) : 0;
  for (std::size_t i = 0; i < x.size(); i += stride) {
    const double v = static_cast<double>(x[i]);
    if (!std::isfinite(v)) continue;
    i64 bin = std::min(Statistics::kBins - 1, static_cast<i64>((v - low) * per_bin));
    if (scale < 0) bin = Statistics::kBins - 1 - bin;
    ++s.histogram[static_cast<std::size_t>(bin)];
  }
  return s;
}

std::vector<double> values_of(const Tensor& x) {
  return on_host(x).to(DType::f64).to_vector<double>();
}

u8 byte_of(double share) { return static_cast<u8>(std::lround(255 * std::clamp(share, 0.0, 1.0))); }

// The place of a channel of an image in (height, width, channels).
struct Plane {
  i64 height, width, channels, step;
  i64 rows() const { return (height + step - 1) / step; }
  i64 columns() const { return (width + step - 1) / step; }
  std::size_t at(i64 y, i64 x, i64 c) const {
    return static_cast<std::size_t>(((y * step) * width + x * step) * channels + c);
  }
};
constexpr i64 kWidest = 48;

Plane plane_of(const Tensor& batch) {
  const i64 longer = std::max(batch.size(1), batch.size(2));
  return {batch.size(1), batch.size(2), batch.size(3), (longer + kWidest - 1) / kWidest};
}

bool is_images(const Tensor& x) { return x.rank() == 4 && x.elements() > 0; }

// The smallest value and the factor that maps the largest to 1.
struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void add(double v) {
    if (!std::isfinite(v)) return;
    low = std::min(low, v);
    high = std::max(high, v);
  }
  double share(double v) const { return high > low ? (v - low) / (high - low) : 0.5; }
};

data::Pixels blank(i64 height, i64 width, i64 channels) {
  return {height, width, channels,
          std::vector<u8>(static_cast<std::size_t>(width * height * channels), 255)};
}

}  // namespace

Tensor on_host(const Tensor& x) {
  const Tensor host = x.to(Cpu{});
  return host.dtype() == DType::f64 ? host : host.to(DType::f32);
}

Statistics statistics_of(const Tensor& x, double scale) {
  WEFT_CHECK(is_floating(x.dtype()), "statistics_of: a tensor of {}; a floating one is required",
             x.dtype());
  const Tensor host = on_host(x);
  if (host.dtype() == DType::f64) return of<double>(host.values<double>(), scale);
  return of<float>(host.values<float>(), scale);
}

data::Pixels feature_maps(const Tensor& batch, i64 most) {
  if (!is_images(batch)) return {};
  const std::vector<double> image = values_of(batch.slice(0, 1));
  const Plane plane = plane_of(batch);
  const i64 maps = std::min(most, plane.channels), rows = plane.rows(), columns = plane.columns();
  data::Pixels picture = blank(rows, maps * (columns + 1) - 1, 1);
  for (i64 c = 0; c < maps; ++c) {
    Range range;
    for (i64 y = 0; y < rows; ++y)
      for (i64 x = 0; x < columns; ++x) range.add(image[plane.at(y, x, c)]);
    for (i64 y = 0; y < rows; ++y)
      for (i64 x = 0; x < columns; ++x)
        picture.bytes[static_cast<std::size_t>(y * picture.width + c * (columns + 1) + x)] =
            byte_of(range.share(image[plane.at(y, x, c)]));
  }
  return picture;
}

data::Pixels picture_of(const Tensor& batch) {
  if (!is_images(batch)) return {};
  const std::vector<double> image = values_of(batch.slice(0, 1));
  const Plane plane = plane_of(batch);
  data::Pixels picture = blank(plane.rows(), plane.columns(), plane.channels == 3 ? 3 : 1);
  Range range;
  for (const double v : image) range.add(v);
  std::size_t at = 0;
  for (i64 y = 0; y < picture.height; ++y)
    for (i64 x = 0; x < picture.width; ++x)
      for (i64 c = 0; c < picture.channels; ++c)
        picture.bytes[at++] = byte_of(range.share(image[plane.at(y, x, c)]));
  return picture;
}

data::Pixels filters_of(const Tensor& weight, i64 most) {
  if (!is_images(weight)) return {};
  const i64 filters = std::min(most, weight.size(0)), rows = weight.size(1),
            columns = weight.size(2), in = weight.size(3), channels = in == 3 ? 3 : 1;
  const i64 per_row = std::min<i64>(filters, rows > 8 ? 8 : 16);
  const i64 lines = (filters + per_row - 1) / per_row;
  data::Pixels picture = blank(lines * (rows + 1) - 1, per_row * (columns + 1) - 1, channels);
  const std::vector<double> w = values_of(weight.slice(0, filters));
  const auto value = [&](i64 f, i64 pixel, i64 c) {
    const auto* const first = w.data() + (f * rows * columns + pixel) * in;
    if (channels == 3) return first[c];
    double sum = 0;
    for (i64 i = 0; i < in; ++i) sum += first[i];
    return sum / static_cast<double>(in);
  };
  double largest = 0;
  for (i64 f = 0; f < filters; ++f)
    for (i64 p = 0; p < rows * columns; ++p)
      for (i64 c = 0; c < channels; ++c) largest = std::max(largest, std::abs(value(f, p, c)));
  for (i64 f = 0; f < filters; ++f)
    for (i64 p = 0; p < rows * columns; ++p)
      for (i64 c = 0; c < channels; ++c) {
        const i64 y = f / per_row * (rows + 1) + p / columns,
                  x = f % per_row * (columns + 1) + p % columns;
        picture.bytes[static_cast<std::size_t>((y * picture.width + x) * channels + c)] =
            byte_of(largest > 0 ? 0.5 + value(f, p, c) / (2 * largest) : 0.5);
      }
  return picture;
}

}  // namespace weft::train
