// SPDX-License-Identifier: Apache-2.0
// The forward pass and the gradient of the input.
#include "weft/kernels/library/narrow_groups.h"

#include "weft/device/parallel.h"
#include "weft/kernels/library/conv2d_own.h"
#include "weft/kernels/library/narrow_groups_pieces.h"

namespace weft::kernels::narrow_groups {
namespace {

// y = the convolution of x with the packed weights. `turned`: by 180°, for the gradient of x.
template <int lanes, int group, int stride>
void convolve(float* y, const Images& x, const float* packed, const BiasAndRelu& epilogue,
              const Conv2dShape& s, bool turned) {
  using V = Vector<lanes>;
  constexpr int columns = columns_of(stride);
  const auto row_of_pieces = [&](i64 row) [[gnu::always_inline]] {
    const i64 image = row / s.out_height, i = row % s.out_height;
    for (i64 j = 0; j < s.out_width; j += kPixels) {
      const float* at[3][columns];
      for (i64 a = 0; a < 3; ++a)
        x.find(at[turned ? 2 - a : a], columns, image, i * stride - s.padding.h + a,
               j * stride - s.padding.w);
      const i64 count = std::min<i64>(kPixels, s.out_width - j);
      float* const to = y + (row * s.out_width + j) * s.out_channels;
      const float* w = packed;
      for (i64 k = 0; k < s.channels; k += lanes) {
        V sums[kPixels];
        V bias{};
        if (epilogue.bias != nullptr) load<lanes>(bias, epilogue.bias + k);
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; ++p) sums[p] = bias;
        for (int a = 0; a < 3; ++a, w += 3 * group * lanes)
          for_channels<group>([&](auto c) [[gnu::always_inline]] {
            V weights[3];
#pragma GCC unroll 3
            for (int b = 0; b < 3; ++b)
              load<lanes>(weights[b], w + ((turned ? 2 - b : b) * group + c) * lanes);
            for_taps<lanes, group, c, stride>(
                at[a], k, [&](const V& value, int b, int p) [[gnu::always_inline]] {
                  sums[p] += value * weights[b];
                });
          });
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; ++p) {
          // NaN stays NaN, as in the activation's own kernel.
          if (epilogue.relu) sums[p] = sums[p] < 0.0f ? V{} : sums[p];
          if (p < count) store<lanes>(to + p * s.out_channels + k, sums[p]);
        }
      }
    }
  };
  const i64 grain = kGrain / (s.out_width * s.out_channels) + 1;
  parallel_for(s.batch * s.out_height, grain, [&](i64 from, i64 to) {
    with_lanes<lanes>([&] {
      for (i64 row = from; row < to; ++row) row_of_pieces(row);
    });
  });
}

// dx for stride 2. The pixel e − padding of a row of dx is in the sums of the pixels (e − b)/2 of
// a row of dy with tap b, for the b that have the parity of e; rows likewise.
template <int lanes, int group>
void spread(float* dx, const Images& dy, const float* packed, const Conv2dShape& s) {
  using V = Vector<lanes>;
  const auto row_of_pieces = [&](i64 row) [[gnu::always_inline]] {
    const i64 image = row / s.height, e = row % s.height + s.padding.h;
    const i64 taps = e % 2 == 0 ? 2 : 1;  // of 0 and 2, or of 1
    for (i64 q = s.padding.w / 2; 2 * q < s.width + s.padding.w; q += kPairs) {
      const float* at[2][kPairs + 1];
      for (i64 a = 0; a < taps; ++a) dy.find(at[a], kPairs + 1, image, e / 2 - a, q - 1);
      const i64 first = 2 * q - s.padding.w;  // −1 at least
      float* const to = dx + (row * s.width + first) * s.channels;
      for (i64 k = 0; k < s.channels; k += lanes) {
        V even[kPairs], odd[kPairs];
#pragma GCC unroll 8
        for (int p = 0; p < kPairs; ++p) even[p] = odd[p] = V{};
        for (i64 a = 0; a < taps; ++a) {
          const float* const w = packed + (k * 9 + (e % 2 + 2 * a) * 3 * lanes) * group;
          for_channels<group>([&](auto c) [[gnu::always_inline]] {
            V weights[3];
#pragma GCC unroll 3
            for (int b = 0; b < 3; ++b) load<lanes>(weights[b], w + (b * group + c) * lanes);
#pragma GCC unroll 8
            for (int p = 0; p <= kPairs; ++p) {
              V value;
              load_of_group<lanes, group, c>(value, at[a][p] + k);
              if (p > 0) {
                even[p - 1] += value * weights[0];
                odd[p - 1] += value * weights[1];
              }
              if (p < kPairs) even[p] += value * weights[2];
            }
          });
        }
#pragma GCC unroll 8
        for (int p = 0; p < kPairs; ++p) {
          const i64 column = first + 2 * p;
          if (column >= 0 && column < s.width) store<lanes>(to + 2 * p * s.channels + k, even[p]);
          if (column + 1 < s.width) store<lanes>(to + (2 * p + 1) * s.channels + k, odd[p]);
        }
      }
    }
  };
  const i64 grain = kGrain / (s.width * s.channels) + 1;
  parallel_for(s.batch * s.height, grain, [&](i64 from, i64 to) {
    with_lanes<lanes>([&] {
      for (i64 row = from; row < to; ++row) row_of_pieces(row);
    });
  });
}

void convolve_images(float* y, const float* x, const float* w, const BiasAndRelu& epilogue,
                     const Conv2dShape& s) {
  const Images images(x, {s.height, s.width, s.channels});
  const Scratch<float, Cpu> packed(Cpu{}, weights(s));
  for_instance(s, [&](auto lanes, auto group, auto stride) {
    pack_weights<lanes, group>(packed.data(), w, s.channels, false);
    convolve<lanes, group, stride>(y, images, packed.data(), epilogue, s, false);
  });
}

}  // namespace

bool takes(const Conv2dShape& s) {
  const auto is = [](const Pair2d& pair, i64 value) { return pair.h == value && pair.w == value; };
  if (!is(s.kernel, 3) || !is(s.dilation, 1) || !(is(s.stride, 1) || is(s.stride, 2)) ||
      s.padding.h > 2 || s.padding.w > 2)
    return false;
  const i64 group = s.channels / s.groups;
  return (group == 1 || group == 2 || group == 4) && s.channels == s.out_channels &&
         s.channels % 8 == 0 && inputs(s) > 0 && outputs(s) > 0;
}

void conv2d(float* y, const float* x, const float* w, const float* bias, Activation activation,
            const Conv2dShape& s) {
  convolve_images(y, x, w, {bias, activation}, s);
  activate_otherwise(y, activation, s);
}

void conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& s) {
  const Images images(dy, {s.out_height, s.out_width, s.channels});
  const Scratch<float, Cpu> packed(Cpu{}, weights(s));
  for_instance(s, [&](auto lanes, auto group, auto stride) {
    pack_weights<lanes, group>(packed.data(), w, s.channels, true);
    if constexpr (stride == 2) {
      spread<lanes, group>(dx, images, packed.data(), s);
    } else {
      convolve<lanes, group, 1>(dx, images, packed.data(), {}, shape_of_input_gradient(s), true);
    }
  });
}

}  // namespace weft::kernels::narrow_groups
