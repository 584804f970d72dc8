// SPDX-License-Identifier: Apache-2.0
// The pieces of rows in which the convolutions of narrow_groups.h are computed.
//
// A piece is some pixels side by side. Where its pixels lie is looked up once for all channels, in
// a table of addresses, which has that of a pixel of zeros for each one outside of the image.
#pragma once
#include <algorithm>
#include <utility>

#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/library/vectors.h"

namespace weft::kernels::narrow_groups {

using vectors::load;
using vectors::store;
using vectors::Vector;
using vectors::with_lanes;

// The pixels of a piece. Their sums are kept in registers, of which AVX2 has 16. Fewer would wait
// for each other.
inline constexpr int kPixels = 8;
// The pairs of pixels of a piece for the gradient of x with stride 2. An image of 2ⁿ pixels with
// padding 1 has 2ⁿ⁻¹ + 1 pairs in a row, which so many divide well.
inline constexpr int kPairs = 5;
inline constexpr i64 kGrain = 4096;  // the fewest elements of the result that a thread computes

struct ImageSize {
  i64 height = 0, width = 0, channels = 0;
};

// The images that are read, (batch, height, width, channels), with a pixel of zeros.
class Images {
 public:
  Images(const float* values, const ImageSize& size)
      : values_(values), size_(size), zeros_(Cpu{}, size.channels) {
    std::fill_n(zeros_.data(), size.channels, 0.0f);
  }
  // Fills at[0, count) with the addresses of the pixels from (row, column) to the right.
  void find(const float** at, i64 count, i64 image, i64 row, i64 column) const {
    const auto [height, width, channels] = size_;
    const float* const first = values_ + ((image * height + row) * width + column) * channels;
    if (row < 0 || row >= height) {
      std::fill_n(at, count, zeros_.data());
    } else if (column >= 0 && column + count <= width) {
      for (i64 i = 0; i < count; ++i) at[i] = first + i * channels;
    } else {
      for (i64 i = 0; i < count; ++i)
        at[i] = column + i >= 0 && column + i < width ? first + i * channels : zeros_.data();
    }
  }

 private:
  const float* values_;
  ImageSize size_;
  Scratch<float, Cpu> zeros_;
};

// value = the channel `c` of its group in each lane.
template <int lanes, int group, int c>
[[gnu::always_inline]] inline void load_of_group(Vector<lanes>& value, const float* place) {
  load<lanes>(value, place);
  if constexpr (group > 1)
    [&]<int... lane>(std::integer_sequence<int, lane...>) [[gnu::always_inline]] {
      value = __builtin_shufflevector(value, value, (lane / group * group + c)...);
    }
  (std::make_integer_sequence<int, lanes>());
}

// Calls f(std::integral_constant<int, c>) for each channel of a group.
template <int group, class F>
[[gnu::always_inline]] inline void for_channels(const F& f) {
  [&]<int... c>(std::integer_sequence<int, c...>) [[gnu::always_inline]] {
    (f(std::integral_constant<int, c>()), ...);
  }
  (std::make_integer_sequence<int, group>());
}

// The pixels in a row of the images that a piece of results reads.
constexpr int columns_of(int stride) { return (kPixels - 1) * stride + 3; }

// Calls f(value, b, p) for each tap b of a row of the kernel and each pixel p of a piece, where
// value is the channel c of each group, from channel k on, in the column p · stride + b of `at`.
// Each column is read once.
template <int lanes, int group, int c, int stride, class F>
[[gnu::always_inline]] inline void for_taps(const float* const* at, i64 k, const F& f) {
  constexpr int columns = columns_of(stride);
#pragma GCC unroll 17
  for (int column = 0; column < columns; ++column) {
    Vector<lanes> value;
    load_of_group<lanes, group, c>(value, at[column] + k);
#pragma GCC unroll 3
    for (int b = 0; b < 3; ++b) {
      const int p = (column - b) / stride;
      if (column >= b && p < kPixels && p * stride + b == column) f(value, b, p);
    }
  }
}

// The weights for each vector of channels: [tap][channel of the group][lane].
// `transposed`: for the gradient of x, whose lanes are the channels of x.
template <int lanes, int group>
void pack_weights(float* packed, const float* w, i64 channels, bool transposed) {
  for (i64 k = 0; k < channels; ++k) {
    float* const to = packed + k / lanes * (9 * group * lanes) + k % lanes;
    for (i64 tap = 0; tap < 9; ++tap)
      for (i64 c = 0; c < group; ++c)
        to[(tap * group + c) * lanes] =
            transposed ? w[((k / group * group + c) * 9 + tap) * group + k % group]
                       : w[(k * 9 + tap) * group + c];
  }
}

// Calls f with the three constants of a template: the lanes, the channels of a group, the stride.
template <class F>
void for_instance(const Conv2dShape& s, const F& f) {
  const auto with_stride = [&](auto lanes, auto group) {
    if (s.stride.h == 1) f(lanes, group, std::integral_constant<int, 1>());
    else f(lanes, group, std::integral_constant<int, 2>());
  };
  const auto with_group = [&](auto lanes) {
    switch (s.channels / s.groups) {
      case 1: return with_stride(lanes, std::integral_constant<int, 1>());
      case 2: return with_stride(lanes, std::integral_constant<int, 2>());
      default: return with_stride(lanes, std::integral_constant<int, 4>());
    }
  };
  const VectorSet set = vector_set();
  if (set == VectorSet::avx512 && s.channels % 16 == 0)
    with_group(std::integral_constant<int, 16>());
  else if (set != VectorSet::baseline) with_group(std::integral_constant<int, 8>());
  else with_group(std::integral_constant<int, 4>());
}

}  // namespace weft::kernels::narrow_groups
