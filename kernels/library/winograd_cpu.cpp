// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/library/winograd.h"

#include <algorithm>
#include <type_traits>

#include "weft/device/parallel.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/winograd_lanes.h"
#include "weft/kernels/library/winograd_transforms.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels::winograd {
namespace {

// Transformed tiles of one block, both inputs and outputs, stay in the cache of a core.
constexpr i64 kBlockBytes = i64{512} << 10;
// Weights that are larger when transformed do not stay in the caches while blocks of tiles pass.
// Then a block has many more tiles, and threads share its points.
constexpr i64 kWeightBytes = i64{2} << 20;
constexpr i64 kLargeBlockBytes = i64{8} << 20;
// Of the gradient of the weights. A chunk has enough tiles that its products take longer than
// adding them to the sums of the chunks before.
constexpr i64 kChunkBytes = i64{1} << 20, kChunkTiles = 64;

// Images (count, height, width, channels) and their tiles of m × m outputs.
struct Images {
  i64 count, height, width, channels;
};
struct Tiling {
  i64 high, wide, tiles;
  Tiling(const Conv2dShape& s, i64 m)
      : high((s.out_height + m - 1) / m),
        wide((s.out_width + m - 1) / m),
        tiles(s.batch * high * wide) {}
};
struct TilePlace {
  i64 image, row, column;  // of its first pixel; both may lie outside of the image
};

template <int m, int lanes>
struct Winograd {
  static constexpr int n = Transforms<m>::n, kPoints = n * n;
  using V = Vector<lanes>;

  static TilePlace place(const Tiling& tiling, i64 tile, const Pair2d& before) {
    const i64 in_image = tile % (tiling.high * tiling.wide);
    return {tile / (tiling.high * tiling.wide), in_image / tiling.wide * m - before.h,
            in_image % tiling.wide * m - before.w};
  }

  // Reads size × size pixels of `lanes` channels. Those outside of the image are 0.
  template <int size>
  [[gnu::always_inline]] static void read(V (&pixels)[size][size], const float* x,
                                          const Images& images, const TilePlace& tile,
                                          i64 channel) {
    const float* first =
        x +
        ((tile.image * images.height + tile.row) * images.width + tile.column) * images.channels +
        channel;
    if (tile.row >= 0 && tile.column >= 0 && tile.row + size <= images.height &&
        tile.column + size <= images.width) {
#pragma GCC unroll 8
      for (int i = 0; i < size; ++i)
#pragma GCC unroll 8
        for (int j = 0; j < size; ++j)
          load<lanes>(pixels[i][j], first + (i * images.width + j) * images.channels);
      return;
    }
    for (int i = 0; i < size; ++i)
      for (int j = 0; j < size; ++j) {
        const bool inside = tile.row + i >= 0 && tile.row + i < images.height &&
                            tile.column + j >= 0 && tile.column + j < images.width;
        pixels[i][j] = V{};
        if (inside) load<lanes>(pixels[i][j], first + (i * images.width + j) * images.channels);
      }
  }

  // Transforms rows and then columns, and stores point p at points + p · stride.
  template <int size, class Transform>
  [[gnu::always_inline]] static void to_points(float* points, i64 stride,
                                               const V (&pixels)[size][size],
                                               const Transform& transform) {
    V rows[size][n];
#pragma GCC unroll 8
    for (int i = 0; i < size; ++i) transform(pixels[i], rows[i]);
#pragma GCC unroll 8
    for (int j = 0; j < n; ++j) {
      V column[size], result[n];
#pragma GCC unroll 8
      for (int i = 0; i < size; ++i) column[i] = rows[i][j];
      transform(column, result);
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) store<lanes>(points + (i * n + j) * stride, result[i]);
    }
  }
  template <int size, class Transform>
  [[gnu::always_inline]] static void from_points(V (&pixels)[size][size], const float* points,
                                                 i64 stride, const Transform& transform) {
    V rows[n][size];
#pragma GCC unroll 8
    for (int i = 0; i < n; ++i) {
      V row[n];
#pragma GCC unroll 8
      for (int j = 0; j < n; ++j) load<lanes>(row[j], points + (i * n + j) * stride);
      transform(row, rows[i]);
    }
#pragma GCC unroll 8
    for (int j = 0; j < size; ++j) {
      V column[n], result[size];
#pragma GCC unroll 8
      for (int i = 0; i < n; ++i) column[i] = rows[i][j];
      transform(column, result);
#pragma GCC unroll 8
      for (int i = 0; i < size; ++i) pixels[i][j] = result[i];
    }
  }

  static constexpr auto input = [](const auto& d, auto& u)
                                    [[gnu::always_inline]] { Transforms<m>::input(d, u); };
  static constexpr auto weight = [](const auto& g, auto& u)
                                     [[gnu::always_inline]] { Transforms<m>::weight(g, u); };
  static constexpr auto output = [](const auto& s, auto& y)
                                     [[gnu::always_inline]] { Transforms<m>::output(s, y); };
  static constexpr auto output_gradient = [](const auto& dy, auto& u) [[gnu::always_inline]] {
    Transforms<m>::output_gradient(dy, u);
  };
  static constexpr auto weight_gradient = [](const auto& s, auto& dg) [[gnu::always_inline]] {
    Transforms<m>::weight_gradient(s, dg);
  };
};

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

struct Epilogue {
  const float* bias = nullptr;
  bool relu = false;
};

// y = the convolution of x with the transformed weights u. The arrays of a block: `v` has for each
// point a matrix tiles × channels, and `sums` one of tiles × outputs.
template <int m, int lanes>
class Forward {
  using W = Winograd<m, lanes>;
  using V = Vector<lanes>;

 public:
  Forward(float* y, const float* x, const float* u, const Epilogue& epilogue, const Conv2dShape& s)
      : y_(y), x_(x), u_(u), epilogue_(epilogue), s_(s), tiling_(s, m) {
    const i64 bytes_of_tile = W::kPoints * (s.channels + s.out_channels) * 4;
    const i64 weight_bytes = W::kPoints * s.channels * s.out_channels * 4;
    shares_points_ = weight_bytes > kWeightBytes;
    constexpr i64 rows = Lanes<lanes>::kRows;
    const i64 most = (shares_points_ ? kLargeBlockBytes : kBlockBytes) / bytes_of_tile;
    block_ = std::min(std::max(most / rows, i64{1}) * rows, tiling_.tiles);
  }

  void run() {
    const i64 parts = shares_points_ ? 1 : std::max(threads(), 1);
    const i64 v_size = W::kPoints * block_ * s_.channels,
              sums_size = W::kPoints * block_ * s_.out_channels;
    const Scratch<float, Cpu> scratch(Cpu{}, parts * (v_size + sums_size));
    const i64 blocks = (tiling_.tiles + block_ - 1) / block_;
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
    const Images images{s_.batch, s_.height, s_.width, s_.channels};
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
  Epilogue epilogue_;
  Conv2dShape s_;
  Tiling tiling_;
  bool shares_points_ = false;
  i64 block_ = 1;  // tiles
};

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
    const Images in{s_.batch, s_.height, s_.width, s_.channels};
    const Images out{s_.batch, s_.out_height, s_.out_width, s_.out_channels};
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

// Calls f with the two constants of a template: m and the lanes.
template <class F>
void for_instance(int m, const F& f) {
  for_lanes([&](auto lanes) {
    if (m == 2) f(std::integral_constant<int, 2>(), lanes);
    else f(std::integral_constant<int, 4>(), lanes);
  });
}

void convolve(float* y, const float* x, const float* w, const Epilogue& epilogue,
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
  const bool is_relu = activation == Activation::relu;
  convolve(y, x, w, {bias, is_relu}, s, s, false, m);
  if (activation != Activation::none && !is_relu)
    add_bias_and_activate<float>(Cpu{}, {y, s.batch * s.out_height * s.out_width, s.out_channels},
                                 nullptr, activation);
}

void conv2d_input_gradient(float* dx, const float* dy, const float* w, const Conv2dShape& s,
                           int m) {
  Conv2dShape back = s;
  std::swap(back.channels, back.out_channels);
  std::swap(back.height, back.out_height);
  std::swap(back.width, back.out_width);
  back.padding = {2 - s.padding.h, 2 - s.padding.w};
  convolve(dx, dy, w, {}, back, s, true, m);
}

void conv2d_weight_gradient(float* dw, float* dbias, const float* dy, const float* x,
                            const Conv2dShape& s, int m) {
  if (dbias != nullptr)
    reduce_sum(Cpu{}, dbias, dy, 1.0, {1, s.batch * s.out_height * s.out_width, s.out_channels});
  for_instance(m, [&](auto tile, auto lanes) { WeightGradient<tile, lanes>(dw, dy, x, s).run(); });
}

}  // namespace weft::kernels::winograd
