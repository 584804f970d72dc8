// SPDX-License-Identifier: Apache-2.0
// The gradient of the weights.
#include "weft/kernels/library/narrow_groups.h"

#include "weft/device/parallel.h"
#include "weft/kernels/library/narrow_groups_pieces.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels::narrow_groups {
namespace {

// The rows of dy are summed in parts, each of at least so many pixels, and parts in blocks. There
// are so many blocks at most, because each has sums of its own in memory.
constexpr i64 kPartPixels = 1024, kMostBlocks = 64;

struct Blocks {
  explicit Blocks(const Conv2dShape& s)
      : rows(s.batch * s.out_height),
        rows_of_part((kPartPixels + s.out_width - 1) / s.out_width),
        rows_of_block(std::max(rows_of_part, (rows + kMostBlocks - 1) / kMostBlocks)),
        count((rows + rows_of_block - 1) / rows_of_block) {}
  i64 rows, rows_of_part, rows_of_block, count;
};

struct Range {
  i64 begin, end;
};

// Adds to `sums`, in the layout of pack_weights, the products of rows of dy. The channels are a
// whole number of vectors.
template <int lanes, int group, int stride>
[[gnu::always_inline]] inline void add_rows(float* sums, const Images& dy, const Images& x,
                                            const Conv2dShape& s, Range rows, Range channels) {
  using V = Vector<lanes>;
  constexpr int columns = columns_of(stride);
  for (i64 row = rows.begin; row < rows.end; ++row)
    for (i64 j = 0; j < s.out_width; j += kPixels) {
      const i64 image = row / s.out_height, i = row % s.out_height;
      const float *x_at[3][columns], *dy_at[kPixels];
      dy.find(dy_at, kPixels, image, i, j);
      for (i64 a = 0; a < 3; ++a)
        x.find(x_at[a], columns, image, i * stride - s.padding.h + a, j * stride - s.padding.w);
      float* sum = sums + channels.begin * 9 * group;
      for (i64 k = channels.begin; k < channels.end; k += lanes) {
        V gradient[kPixels];
#pragma GCC unroll 8
        for (int p = 0; p < kPixels; ++p) load<lanes>(gradient[p], dy_at[p] + k);
        for (int a = 0; a < 3; ++a, sum += 3 * group * lanes)
          for_channels<group>([&](auto c) [[gnu::always_inline]] {
            V piece[3];
#pragma GCC unroll 3
            for (int b = 0; b < 3; ++b) piece[b] = V{};
            for_taps<lanes, group, c, stride>(
                x_at[a], k, [&](const V& value, int b, int p) [[gnu::always_inline]] {
                  piece[b] += value * gradient[p];
                });
#pragma GCC unroll 3
            for (int b = 0; b < 3; ++b) {
              float* const place = sum + (b * group + c) * lanes;
              V before;
              load<lanes>(before, place);
              store<lanes>(place, before + piece[b]);
            }
          });
      }
    }
}

template <int lanes>
void add(float* sums, const float* values, i64 count) {
  with_lanes<lanes>([&] {
    for (i64 i = 0; i < count; ++i) sums[i] += values[i];
  });
}

template <int lanes, int group, int stride>
void weight_gradient(float* dw, const Images& dy, const Images& x, const Conv2dShape& s) {
  const Blocks blocks(s);
  const i64 size = weights(s);
  const Scratch<float, Cpu> sums(Cpu{}, 2 * blocks.count * size);
  float* const total = sums.data();
  float* const parts = total + blocks.count * size;
  // Where there are fewer blocks than threads, each block is divided by channels, which share no
  // sum.
  const i64 vectors = s.channels / lanes,
            shares = std::min<i64>(vectors, (threads() + blocks.count - 1) / blocks.count);
  parallel_blocks(blocks.count * shares, [&](i64 task) {
    const i64 block = task / shares, share = task % shares, begin = block * blocks.rows_of_block,
              end = std::min(begin + blocks.rows_of_block, blocks.rows);
    const Range channels{vectors * share / shares * lanes, vectors * (share + 1) / shares * lanes};
    const i64 at = channels.begin * 9 * group, count = (channels.end - channels.begin) * 9 * group;
    for (i64 first = begin; first < end; first += blocks.rows_of_part) {
      float* const part = (first == begin ? total : parts) + block * size;
      std::fill_n(part + at, count, 0.0f);
      with_lanes<lanes>([&] {
        add_rows<lanes, group, stride>(
            part, dy, x, s, {first, std::min(first + blocks.rows_of_part, end)}, channels);
      });
      if (first > begin) add<lanes>(total + block * size + at, part + at, count);
    }
  });
  for (i64 block = 1; block < blocks.count; ++block) add<lanes>(total, total + block * size, size);
  for (i64 k = 0; k < s.channels; ++k)
    for (i64 tap = 0; tap < 9; ++tap)
      for (i64 c = 0; c < group; ++c)
        dw[(k * 9 + tap) * group + c] =
            total[(k / lanes * 9 + tap) * group * lanes + c * lanes + k % lanes];
}

}  // namespace

void conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& s) {
  if (dbias != nullptr)
    reduce_sum(Cpu{}, dbias, dy, 1.0, {1, s.batch * s.out_height * s.out_width, s.out_channels});
  const Images gradient(dy, {s.out_height, s.out_width, s.channels}),
      images(x, {s.height, s.width, s.channels});
  for_instance(s, [&](auto lanes, auto group, auto stride) {
    weight_gradient<lanes, group, stride>(dw, gradient, images, s);
  });
}

}  // namespace weft::kernels::narrow_groups
