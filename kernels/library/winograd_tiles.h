// SPDX-License-Identifier: Apache-2.0
// The tiles of the convolutions of winograd.h: where they lie, and their way to the points and back
// (Note [Winograd]).
#pragma once
#include "weft/kernels/library/conv2d.h"
#include "weft/kernels/library/winograd_products.h"
#include "weft/kernels/library/winograd_transforms.h"

namespace weft::kernels::winograd {

// Of images (batch, height, width, channels).
struct ImageSize {
  i64 height, width, channels;
};
// The tiles of m × m outputs.
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
                                          const ImageSize& images, const TilePlace& tile,
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

  // Transforms the rows, then the columns: to = M · from · Mᵀ for a transform by the matrix M.
  template <int before, int after, class Transform>
  [[gnu::always_inline]] static void both_axes(const V (&from)[before][before],
                                               V (&to)[after][after], const Transform& transform) {
    V rows[before][after];
#pragma GCC unroll 8
    for (int i = 0; i < before; ++i) transform(from[i], rows[i]);
#pragma GCC unroll 8
    for (int j = 0; j < after; ++j) {
      V column[before], result[after];
#pragma GCC unroll 8
      for (int i = 0; i < before; ++i) column[i] = rows[i][j];
      transform(column, result);
#pragma GCC unroll 8
      for (int i = 0; i < after; ++i) to[i][j] = result[i];
    }
  }

  // Point p of a tile is at points + p · stride.
  template <int size, class Transform>
  [[gnu::always_inline]] static void to_points(float* points, i64 stride,
                                               const V (&pixels)[size][size],
                                               const Transform& transform) {
    V transformed[n][n];
    both_axes(pixels, transformed, transform);
#pragma GCC unroll 36
    for (int p = 0; p < kPoints; ++p) store<lanes>(points + p * stride, transformed[p / n][p % n]);
  }
  template <int size, class Transform>
  [[gnu::always_inline]] static void from_points(V (&pixels)[size][size], const float* points,
                                                 i64 stride, const Transform& transform) {
    V transformed[n][n];
#pragma GCC unroll 36
    for (int p = 0; p < kPoints; ++p) load<lanes>(transformed[p / n][p % n], points + p * stride);
    both_axes(transformed, pixels, transform);
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

// Calls f with the two constants of a template: m and the lanes.
template <class F>
void for_instance(int m, const F& f) {
  for_lanes([&](auto lanes) {
    if (m == 2) f(std::integral_constant<int, 2>(), lanes);
    else f(std::integral_constant<int, 4>(), lanes);
  });
}

}  // namespace weft::kernels::winograd
