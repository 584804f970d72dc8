// SPDX-License-Identifier: Apache-2.0
#include <cstring>
#include <algorithm>

#include "weft/core/error.h"
#include "weft/data/augmentation.h"

namespace weft::data {
namespace {

class Crop final : public Augmentation {
 public:
  explicit Crop(const CropOptions& options) : options_(options) {}

  Shape output(const Shape& picture) const override {
    const i64 padding = options_.padding;
    const i64 height = options_.size.empty() ? picture[0] : options_.size[0];
    const i64 width = options_.size.empty() ? picture[1] : options_.size[1];
    WEFT_CHECK(height <= picture[0] + 2 * padding && width <= picture[1] + 2 * padding,
               "crop: {} × {} of a picture of {} × {} with a padding of {}; at most {} × {} is "
               "required",
               height, width, picture[0], picture[1], padding, picture[0] + 2 * padding,
               picture[1] + 2 * padding);
    WEFT_CHECK(options_.mode == Padding::zero || (padding < picture[0] && padding < picture[1]),
               "crop: a padding of {} reflects a picture of {} × {}; less than its height and its "
               "width is required",
               padding, picture[0], picture[1]);
    return {height, width, picture[2]};
  }

  void apply(const PictureView& in, u8* out, Random& random) const override {
    const Shape picture{in.height, in.width, in.channels}, size = output(picture);
    const Corner corner = draw_corner(picture, size, random);
    const i64 top = corner.top, left = corner.left;
    // The columns that lie in the picture are copied at once.
    const i64 begin = std::clamp<i64>(-left, 0, size[1]);
    const i64 end = std::clamp<i64>(in.width - left, begin, size[1]);
    const auto pixel = static_cast<std::size_t>(in.channels);
    for (i64 y = 0; y < size[0]; ++y, out += size[1] * in.channels) {
      i64 row = top + y;
      if (options_.mode == Padding::reflect) row = kernels::reflected(row, in.height);
      if (row < 0 || row >= in.height) {
        std::memset(out, 0, static_cast<std::size_t>(size[1]) * pixel);
        continue;
      }
      const auto fill = [&](i64 x) {
        u8* to = out + x * in.channels;
        if (options_.mode == Padding::zero) std::memset(to, 0, pixel);
        else std::memcpy(to, in.at(row, kernels::reflected(left + x, in.width)), pixel);
      };
      for (i64 x = 0; x < begin; ++x) fill(x);
      if (end > begin)
        std::memcpy(out + begin * in.channels, in.at(row, left + begin),
                    static_cast<std::size_t>(end - begin) * pixel);
      for (i64 x = end; x < size[1]; ++x) fill(x);
    }
  }

  std::optional<kernels::PictureMove> draw_move(const Shape& picture,
                                                Random& random) const override {
    using Kind = kernels::PictureMove::Kind;
    const auto [top, left] = draw_corner(picture, output(picture), random);
    return kernels::PictureMove{
        .kind = options_.mode == Padding::reflect ? Kind::crop_reflected : Kind::crop,
        .top = static_cast<i32>(top),
        .left = static_cast<i32>(left)};
  }

 private:
  struct Corner {
    i64 top, left;
  };
  Corner draw_corner(const Shape& picture, const Shape& size, Random& random) const {
    const i64 padding = options_.padding;
    const i64 top = random.below(picture[0] + 2 * padding - size[0] + 1) - padding;
    return {top, random.below(picture[1] + 2 * padding - size[1] + 1) - padding};
  }

  CropOptions options_;
};

const bool registered = Registry<Augmentation>::add<Crop, CropOptions>("crop");

}  // namespace

void describe(Fields& f, CropOptions& o) {
  f("padding", o.padding, "pixels added on each side first", in_range(0, 4096));
  f("mode", o.mode, "what is added: black pixels, or the picture reflected at its border");
  f("size", o.size, "[height, width] of the part; empty: as large as the picture",
    in_range(1, 65535));
  f.rule(o.size.empty() || o.size.size() == 2, "size", "[height, width]");
}

AugmentationRecipe crop(const CropOptions& options) {
  return AugmentationRecipe::of("crop", options);
}

}  // namespace weft::data
