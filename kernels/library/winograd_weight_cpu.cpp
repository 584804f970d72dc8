// SPDX-License-Identifier: Apache-2.0
// The gradient of the weights.
#include "weft/kernels/library/winograd.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/winograd_tiles.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels::winograd {
namespace {

// A chunk has enough tiles that its products take longer than adding them to the sums of the chunks
// before.
constexpr i64 kChunkBytes = i64{1} << 20, kChunkTiles = 64;

// dw = the gradient. Chunks of tiles are transformed and multiplied one after the other, so that
// each sum is over the tiles in order.
template <int m, int lanes>
class WeightGradient {
  using W = Winograd<m, lanes>;
  using V = Vector<lanes>;

 public:
  WeightGradient(float* dw, const float* dy, const float* x, const Conv2dShape& s)
      : dw_(dw), dy_(dy), x_(x), s_(s), tiling_(s, m) {
    const i64 bytes_of_tile = W::kPoints * (s.channels + s.out_channels) * 4;
    chunk_ = std::min(std::max(kChunkBytes / bytes_of_tile, kChunkTiles), tiling_.tiles);
  }

  void run() {
    const i64 v_size = W::kPoints * chunk_ * s_.channels,
              z_size = W::kPoints * chunk_ * s_.out_channels,
              sums_size = W::kPoints * s_.channels * s_.out_channels;
    const Scratch<float, Cpu> scratch(Cpu{}, v_size + z_size + sums_size);
    float* const v = scratch.data();
    float* const z = v + v_size;
    float* const sums = z + z_size;
    for (i64 first = 0; first < tiling_.tiles; first += chunk_) {
      const i64 tiles = std::min(chunk_, tiling_.tiles - first);
      parallel_for(tiles, 1, [&](i64 from, i64 to) { read_tiles(v, z, first, from, to); });
      const i64 panels = s_.out_channels / kPanel;
      parallel_blocks(W::kPoints * panels,
                      [&](i64 block) { multiply(sums, v, z, block, tiles, first > 0); });
    }
    parallel_blocks(s_.out_channels, [&](i64 k) { write(sums, k); });
  }

 private:
  // Both transformed arrays have for each point panels of 16 channels with a row for each tile.
  void read_tiles(float* v, float* z, i64 first, i64 from, i64 to) const {
    const ImageSize in{s_.height, s_.width, s_.channels};
    const ImageSize out{s_.out_height, s_.out_width, s_.out_channels};
    with_lanes<lanes>([&] {
      for (i64 t = from; t < to; ++t) {
        const TilePlace x_place = W::place(tiling_, first + t, s_.padding);
        for (i64 c = 0; c < s_.channels; c += lanes) {
          V pixels[W::n][W::n];
          W::read(pixels, x_, in, x_place, c);
          W::to_points(v + (c / kPanel * chunk_ + t) * kPanel + c % kPanel, chunk_ * s_.channels,
                       pixels, W::input);
        }
        const TilePlace y_place = W::place(tiling_, first + t, {0, 0});
        for (i64 k = 0; k < s_.out_channels; k += lanes) {
          V pixels[m][m];
          W::read(pixels, dy_, out, y_place, k);
          W::to_points(z + (k / kPanel * chunk_ + t) * kPanel + k % kPanel,
                       chunk_ * s_.out_channels, pixels, W::output_gradient);
        }
      }
    });
  }

  // sums[point][k][c] of a panel of k: the transposed panel of z times the panels of v.
  void multiply(float* sums, const float* v, const float* z, i64 block, i64 tiles,
                bool adds) const {
    const i64 panels = s_.out_channels / kPanel, point = block / panels, panel = block % panels;
    const Left left{z + (point * s_.out_channels + panel * kPanel) * chunk_, 1, kPanel};
    const Panels right{v + point * s_.channels * chunk_, chunk_ * kPanel};
    float* const result = sums + (point * s_.out_channels + panel * kPanel) * s_.channels;
    with_lanes<lanes>([&] {
      if (adds)
        panels_product<lanes, true>(result, s_.channels, left, right, tiles, kPanel,
                                    s_.channels / kPanel);
      else
        panels_product<lanes, false>(result, s_.channels, left, right, tiles, kPanel,
                                     s_.channels / kPanel);
    });
  }

  void write(const float* sums, i64 k) const {
    with_lanes<lanes>([&] {
      for (i64 c = 0; c < s_.channels; c += lanes) {
        V taps[3][3];
        W::from_points(taps, sums + k * s_.channels + c, s_.out_channels * s_.channels,
                       W::weight_gradient);
#pragma GCC unroll 9
        for (int tap = 0; tap < 9; ++tap)
          store<lanes>(dw_ + (k * 9 + tap) * s_.channels + c, taps[tap / 3][tap % 3]);
      }
    });
  }

  float* dw_;
  const float* dy_;
  const float* x_;
  Conv2dShape s_;
  Tiling tiling_;
  i64 chunk_ = 1;  // tiles
};

}  // namespace

void conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& s, int m) {
  if (dbias != nullptr)
    reduce_sum(Cpu{}, dbias, dy, 1.0, {1, s.batch * s.out_height * s.out_width, s.out_channels});
  for_instance(m, [&](auto tile, auto lanes) { WeightGradient<tile, lanes>(dw, dy, x, s).run(); });
}

}  // namespace weft::kernels::winograd
