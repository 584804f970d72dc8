// SPDX-License-Identifier: Apache-2.0
// How a sample of a batch is made from stored samples: which pixel comes where, and how two samples
// are mixed. The formulas are written once, for the CPU and the GPU, so that both give the same
// bytes.
#pragma once
#include <limits>

#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/common/views.h"

namespace weft::kernels {

// A change of a picture that moves its pixels or makes them black. The default changes nothing.
struct PictureMove {
  enum class Kind : i32 { none, crop, crop_reflected, flip_horizontal, flip_vertical, cutout };
  Kind kind = Kind::none;
  i32 top = 0, left = 0;      // of the part of crop, which may begin outside; of the square
  i32 size = 0;               // of the square of cutout
  i32 height = 0, width = 0;  // of the picture before the move
};

// How a sample is joined with another one, its partner.
struct SampleMix {
  enum class Kind : i32 { mixup, cutmix };
  static constexpr i32 kWhole = 65536;
  double share = 1;  // of the sample in the target; the rest is the partner's
  Kind kind = Kind::mixup;
  i32 own = kWhole;  // mixup: the share of the sample in each value, in 1/65,536
  // cutmix: the partner's pixels are those of rows [top, bottom) and columns [left, right).
  i32 top = 0, bottom = 0, left = 0, right = 0;
};

// Where a coordinate outside of [0, size) is read: −1 is 1, −2 is 2, size is size − 2.
WEFT_HOST_DEVICE inline i64 reflected(i64 at, i64 size) {
  return at < 0 ? -at : at >= size ? 2 * size - 2 - at : at;
}

// Replaces a pixel of the moved picture by the one of the picture before that comes there. Returns
// false if there is none, so that the pixel is black.
WEFT_HOST_DEVICE inline bool move_back(const PictureMove& move, i64& y, i64& x) {
  switch (move.kind) {
    case PictureMove::Kind::none: break;
    case PictureMove::Kind::crop:
      y += move.top;
      x += move.left;
      break;
    case PictureMove::Kind::crop_reflected:
      y = reflected(y + move.top, move.height);
      x = reflected(x + move.left, move.width);
      break;
    case PictureMove::Kind::flip_horizontal: x = move.width - 1 - x; break;
    case PictureMove::Kind::flip_vertical: y = move.height - 1 - y; break;
    case PictureMove::Kind::cutout:
      if (y >= move.top && y < move.top + move.size && x >= move.left && x < move.left + move.size)
        return false;
      break;
  }
  return y >= 0 && y < move.height && x >= 0 && x < move.width;
}

// λ·a + (1 − λ)·b for λ = own / 65,536: of bytes rounded to the nearest, of f32 by products that
// are exact in double, so that a fused multiply-add gives the same.
WEFT_HOST_DEVICE inline u8 mixed(u8 a, u8 b, i32 own) {
  const auto first = static_cast<u32>(own), whole = static_cast<u32>(SampleMix::kWhole);
  return static_cast<u8>((first * a + (whole - first) * b + whole / 2) / whole);
}
WEFT_HOST_DEVICE inline float mixed(float a, float b, i32 own) {
  const double share = static_cast<double>(own) / SampleMix::kWhole;
  return static_cast<float>(share * static_cast<double>(a) + (1 - share) * static_cast<double>(b));
}

// The rows of int64 that say how each sample of a batch is made. A row is a source, which is the
// index of a stored sample and its moves in order; or the sample, its partner and their mix.
struct SampleRows {
  static constexpr i64 kMoveWords = sizeof(PictureMove) / sizeof(i64);
  static constexpr i64 kMixWords = sizeof(SampleMix) / sizeof(i64);
  const i64* words = nullptr;
  i64 count = 0, moves = 0;
  bool mixes = false;

  WEFT_HOST_DEVICE static constexpr i64 source_words(i64 moves) { return 1 + moves * kMoveWords; }
  WEFT_HOST_DEVICE static constexpr i64 row_words(i64 moves, bool mixes) {
    return mixes ? 2 * source_words(moves) + kMixWords : source_words(moves);
  }
  // Source 0 is the sample, and source 1 its partner.
  WEFT_HOST_DEVICE const i64* source(i64 row, i64 source) const {
    return words + row * row_words(moves, mixes) + source * source_words(moves);
  }
  WEFT_HOST_DEVICE const PictureMove* moves_of(const i64* source) const {
    return reinterpret_cast<const PictureMove*>(source + 1);
  }
  WEFT_HOST_DEVICE const SampleMix& mix(i64 row) const {
    return *reinterpret_cast<const SampleMix*>(source(row, 2));
  }
};
static_assert(sizeof(PictureMove) % sizeof(i64) == 0 && sizeof(SampleMix) % sizeof(i64) == 0);

// Pictures (count, height, width, channels), row-major.
template <class T>
struct Pictures {
  T* data = nullptr;
  i64 count = 0, height = 0, width = 0, channels = 0;

  WEFT_HOST_DEVICE i64 pixels() const { return height * width; }
  WEFT_HOST_DEVICE T* at(i64 i, i64 y, i64 x) const {
    return data + ((i * height + y) * width + x) * channels;
  }
};

// The stored pixel that comes to (y, x) from a source of a row; null for black, and for a source
// that is not stored.
template <class T>
WEFT_HOST_DEVICE const T* stored_pixel(const Pictures<const T>& stored, const SampleRows& rows,
                                       const i64* source, i64 y, i64 x) {
  const i64 index = *source;
  if (index < 0 || index >= stored.count) return nullptr;
  const PictureMove* moves = rows.moves_of(source);
  for (i64 i = rows.moves; i-- > 0;)
    if (!move_back(moves[i], y, x)) return nullptr;
  return stored.at(index, y, x);
}

// Writes one pixel of the sample of a row.
template <class T>
WEFT_HOST_DEVICE void write_pixel(const Pictures<T>& out, const Pictures<const T>& stored,
                                  const SampleRows& rows, i64 row, i64 y, i64 x) {
  T* to = out.at(row, y, x);
  const T* from = stored_pixel(stored, rows, rows.source(row, 0), y, x);
  if (rows.mixes) {
    const SampleMix& mix = rows.mix(row);
    const T* other = stored_pixel(stored, rows, rows.source(row, 1), y, x);
    if (mix.kind == SampleMix::Kind::mixup) {
      for (i64 c = 0; c < out.channels; ++c)
        to[c] =
            mixed(from != nullptr ? from[c] : T{0}, other != nullptr ? other[c] : T{0}, mix.own);
      return;
    }
    if (y >= mix.top && y < mix.bottom && x >= mix.left && x < mix.right) from = other;
  }
  for (i64 c = 0; c < out.channels; ++c) to[c] = from != nullptr ? from[c] : T{0};
}

// The probability of a class in the mixed target of a row; NaN for a source that is not stored.
WEFT_HOST_DEVICE inline float mixed_probability(Span<const i64> labels, const SampleRows& rows,
                                                i64 row, i64 label) {
  const i64 first = *rows.source(row, 0), second = *rows.source(row, 1);
  if (first < 0 || first >= labels.size || second < 0 || second >= labels.size)
    return std::numeric_limits<float>::quiet_NaN();
  const double share = rows.mix(row).share;
  return (labels[first] == label ? static_cast<float>(share) : 0.0F) +
         (labels[second] == label ? static_cast<float>(1 - share) : 0.0F);
}

}  // namespace weft::kernels
