// SPDX-License-Identifier: Apache-2.0
// The forward pass, and the gradient of the input, which is one too.
#include "weft/kernels/library/winograd.h"

#include <algorithm>

#include "weft/device/parallel.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/conv2d_own.h"
#include "weft/kernels/library/winograd_tiles.h"

namespace weft::kernels::winograd {
namespace {

// Transformed tiles of one block, both inputs and outputs, stay in the cache of a core.
constexpr i64 kBlockBytes = i64{512} << 10;
// Weights that are larger when transformed do not stay in the caches while blocks of tiles pass.
// Then a block has many more tiles, and threads share its points.
constexpr i64 kWeightBytes = i64{2} << 20;
constexpr i64 kLargeBlockBytes = i64{8} << 20;
// The transformed weights: for each point, panels of 16 outputs with a row for each input channel.
// `turned`: for the gradient of x, which is the convolution of dy with the weights turned by 180°,
// from the out_channels to the channels.
template <int m, int lanes>
void transform_weights(float* u, const float* w, const Conv2dShape& s, bool turned) {
  using W = Winograd<m, lanes>;
  using V = Vector<lanes>;
  const i64 from = turned ? s.out_channels : s.channels, to = turned ? s.channels : s.out_channels;
  const i64 point = from * to;
  parallel_blocks(to / kPanel, [&](i64 panel) {
    with_lanes<lanes>([&] {
      float taps[9][kPanel];
      for (i64 c = 0; c < from; ++c) {
        for (i64 tap = 0; tap < 9; ++tap)
          for (i64 k = 0; k < kPanel; ++k)
            taps[tap][k] = turned ? w[(c * 9 + 8 - tap) * s.channels + panel * kPanel + k]
                                  : w[((panel * kPanel + k) * 9 + tap) * s.channels + c];
        for (i64 k = 0; k < kPanel; k += lanes) {
          V g[3][3];
#pragma GCC unroll 9
          for (int tap = 0; tap < 9; ++tap) load<lanes>(g[tap / 3][tap % 3], &taps[tap][k]);
          W::to_points(u + (panel * from + c) * kPanel + k, point, g, W::weight);
        }
      }
    });
  });
}

// y = the convolution of x with the transformed weights u. The arrays of a block: `v` has for each
// point a matrix tiles × channels, and `sums` one of tiles × outputs.
template <int m, int lanes>
class Forward {
  using W = Winograd<m, lanes>;
  using V = Vector<lanes>;

 public:
  Forward(float* y, const float* x, const float* u, const BiasAndRelu& epilogue,
          const Conv2dShape& s)
      : y_(y), x_(x), u_(u), epilogue_(epilogue), s_(s), tiling_(s, m) {
    const i64 bytes_of_tile = W::kPoints * (s.channels + s.out_channels) * 4;
    const i64 weight_bytes = W::kPoints * s.channels * s.out_channels * 4;
    shares_points_ = weight_bytes > kWeightBytes;
    constexpr i64 rows = Lanes<lanes>::kRows;
    const i64 most = (shares_points_ ? kLargeBlockBytes : kBlockBytes) / bytes_of_tile;
    block_ = std::min(std::max(most / rows, i64{1}) * rows, tiling_.tiles);
    if (!shares_points_) {  // a block for each thread
      const i64 share = (tiling_.tiles + threads() - 1) / threads();
      block_ = std::min(block_, (share + rows - 1) / rows * rows);
    }
  }

  void run() {
    const i64 blocks = (tiling_.tiles + block_ - 1) / block_;
    const i64 parts = shares_points_ ? 1 : std::min<i64>(threads(), blocks);
    const i64 v_size = W::kPoints * block_ * s_.channels,
              sums_size = W::kPoints * block_ * s_.out_channels;
    const Scratch<float, Cpu> scratch(Cpu{}, parts * (v_size + sums_size));
    if (shares_points_) {
      float* const v = scratch.data();
      float* const sums = v + v_size;
      for (i64 first = 0; first < tiling_.tiles; first += block_) {
        const i64 tiles = std::min(block_, tiling_.tiles - first);
        parallel_for(tiles, 1, [&](i64 from, i64 to) { read_tiles(v, first, from, to); });
        parallel_blocks(W::kPoints, [&](i64 point) { multiply(sums, v, point, tiles); });
        parallel_for(tiles, 1, [&](i64 from, i64 to) { write_tiles(sums, first, from, to); });
      }
      return;
    }
    parallel_blocks(parts, [&](i64 part) {
      float* const v = scratch.data() + part * (v_size + sums_size);
      float* const sums = v + v_size;
      for (i64 block = blocks * part / parts; block < blocks * (part + 1) / parts; ++block) {
        const i64 first = block * block_, tiles = std::min(block_, tiling_.tiles - first);
        read_tiles(v, first, 0, tiles);
        for (i64 point = 0; point < W::kPoints; ++point) multiply(sums, v, point, tiles);
        write_tiles(sums, first, 0, tiles);
      }
    });
  }

 private:
  // Transforms the tiles [from, to) of the block that begins with tile `first`.
  void read_tiles(float* v, i64 first, i64 from, i64 to) const {
    const ImageSize images{s_.height, s_.width, s_.channels};
    with_lanes<lanes>([&] {
      for (i64 t = from; t < to; ++t) {
        const TilePlace place = W::place(tiling_, first + t, s_.padding);
        for (i64 c = 0; c < s_.channels; c += lanes) {
          V pixels[W::n][W::n];
          W::read(pixels, x_, images, place, c);
          W::to_points(v + t * s_.channels + c, block_ * s_.channels, pixels, W::input);
        }
      }
    });
  }

  void multiply(float* sums, const float* v, i64 point, i64 tiles) const {
    const Left left{v + point * block_ * s_.channels, s_.channels, 1};
    const Panels right{u_ + point * s_.channels * s_.out_channels, s_.channels * kPanel};
    with_lanes<lanes>([&] {
      panels_product<lanes, false>(sums + point * block_ * s_.out_channels, s_.out_channels, left,
                                   right, s_.channels, tiles, s_.out_channels / kPanel);
    });
  }

  void write_tiles(const float* sums, i64 first, i64 from, i64 to) const {
    with_lanes<lanes>([&] {
      for (i64 t = from; t < to; ++t) {
        const TilePlace place = W::place(tiling_, first + t, {0, 0});
        const i64 rows = std::min<i64>(m, s_.out_height - place.row),
                  columns = std::min<i64>(m, s_.out_width - place.column);
        for (i64 k = 0; k < s_.out_channels; k += lanes) {
          V pixels[m][m];
          W::from_points(pixels, sums + t * s_.out_channels + k, block_ * s_.out_channels,
                         W::output);
          V bias{};
          if (epilogue_.bias != nullptr) load<lanes>(bias, epilogue_.bias + k);
          for (i64 i = 0; i < rows; ++i)
            for (i64 j = 0; j < columns; ++j) {
              V value = pixels[i][j] + bias;
              // NaN stays NaN, as in the activation's own kernel.
              if (epilogue_.relu) value = value < 0.0f ? V{} : value;
              store<lanes>(y_ + (((place.image * s_.out_height + place.row + i) * s_.out_width +
                                  place.column + j) *
                                     s_.out_channels +
                                 k),
                           value);
            }
        }
      }
    });
  }

  float* y_;
  const float* x_;
  const float* u_;
  BiasAndRelu epilogue_;
  Conv2dShape s_;
  Tiling tiling_;
  bool shares_points_ = false;
  i64 block_ = 1;  // tiles
};

void convolve(float* y, const float* x, const float* w, const BiasAndRelu& epilogue,
              const Conv2dShape& s, const Conv2dShape& of_weights, bool turned, int m) {
  for_instance(m, [&](auto tile, auto lanes) {
    constexpr int points = (decltype(tile)::value + 2) * (decltype(tile)::value + 2);
    const Scratch<float, Cpu> u(Cpu{}, points * s.channels * s.out_channels);
    transform_weights<tile, lanes>(u.data(), w, of_weights, turned);
    Forward<tile, lanes>(y, x, u.data(), epilogue, s).run();
  });
}

}  // namespace

bool takes(const Conv2dShape& s) {
  const auto is = [](const Pair2d& pair, i64 value) { return pair.h == value && pair.w == value; };
  return is(s.kernel, 3) && is(s.stride, 1) && is(s.dilation, 1) && s.groups == 1 &&
         s.padding.h <= 2 && s.padding.w <= 2 && s.channels % kPanel == 0 &&
         s.out_channels % kPanel == 0 && inputs(s) > 0 && outputs(s) > 0;
}

void conv2d(float* y, const float* x, const float* w, const float* bias, Activation activation,
            const Conv2dShape& s, int m) {
  convolve(y, x, w, {bias, activation}, s, s, false, m);
  activate_otherwise(y, activation, s);
}

void conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& s,
                           int m) {
  convolve(dx, dy, w, {}, shape_of_input_gradient(s), s, true, m);
}

}  // namespace weft::kernels::winograd
