// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "weft/data/augmentation.h"

namespace weft::data {
namespace {

class Cutout final : public Augmentation {
 public:
  explicit Cutout(const CutoutOptions& options) : options_(options) {}

  void apply(const PictureView& in, u8* out, Random& random) const override {
    std::memcpy(out, in.pixels, static_cast<std::size_t>(in.height * in.row_bytes()));
    const auto [top, left] = draw_corner(in.height, in.width, random);
    const i64 begin = std::max<i64>(left, 0), end = std::min(left + options_.size, in.width);
    for (i64 y = std::max<i64>(top, 0); y < std::min(top + options_.size, in.height); ++y)
      std::memset(out + y * in.row_bytes() + begin * in.channels, 0,
                  static_cast<std::size_t>((end - begin) * in.channels));
  }

  std::optional<kernels::PictureMove> draw_move(const Shape& picture,
                                                Random& random) const override {
    const auto [top, left] = draw_corner(picture[0], picture[1], random);
    return kernels::PictureMove{.kind = kernels::PictureMove::Kind::cutout,
                                .top = static_cast<i32>(top),
                                .left = static_cast<i32>(left),
                                .size = static_cast<i32>(options_.size)};
  }

 private:
  struct Corner {
    i64 top, left;
  };
  Corner draw_corner(i64 height, i64 width, Random& random) const {
    const i64 top = random.below(height) - options_.size / 2;
    return {top, random.below(width) - options_.size / 2};
  }

  CutoutOptions options_;
};

const bool registered = Registry<Augmentation>::add<Cutout, CutoutOptions>("cutout");

}  // namespace

void describe(Fields& f, CutoutOptions& o) {
  f("size", o.size, "height and width of the square in pixels", in_range(1, 65535));
}

AugmentationRecipe cutout(const CutoutOptions& options) {
  return AugmentationRecipe::of("cutout", options);
}

}  // namespace weft::data
