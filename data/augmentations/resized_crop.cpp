// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <cstring>

#include "weft/data/augmentation.h"

namespace weft::data {
namespace {

class ResizedCrop final : public Augmentation {
 public:
  explicit ResizedCrop(const ResizedCropOptions& options) : options_(options) {}

  Shape output(const Shape& picture) const override {
    if (options_.size.empty()) return picture;
    return {options_.size[0], options_.size[1], picture[2]};
  }

  void apply(const PictureView& in, u8* out, Random& random) const override {
    const Box box = chosen(in, random);
    Tensor part = Tensor::empty({box.height, box.width, in.channels}, DType::uint8);
    for (i64 y = 0; y < box.height; ++y)
      std::memcpy(part.data<u8>() + y * box.width * in.channels, in.at(box.top + y, box.left),
                  static_cast<std::size_t>(box.width * in.channels));
    const Shape size = output({in.height, in.width, in.channels});
    const Tensor resized_part = resized(part, size[0], size[1], options_.filter);
    std::memcpy(out, resized_part.raw(), static_cast<std::size_t>(size.elements()));
  }

 private:
  struct Box {
    i64 top, left, height, width;
  };

  Box chosen(const PictureView& in, Random& random) const {
    constexpr int kAttempts = 10;
    const double all = static_cast<double>(in.height * in.width);
    for (int i = 0; i < kAttempts; ++i) {
      const double area = all * random.uniform(options_.area[0], options_.area[1]);
      const double ratio =
          std::exp(random.uniform(std::log(options_.ratio[0]), std::log(options_.ratio[1])));
      const i64 width = std::llround(std::sqrt(area * ratio));
      const i64 height = std::llround(std::sqrt(area / ratio));
      if (width < 1 || height < 1 || width > in.width || height > in.height) continue;
      const i64 top = random.below(in.height - height + 1);
      return {top, random.below(in.width - width + 1), height, width};
    }
    return {0, 0, in.height, in.width};
  }

  ResizedCropOptions options_;
};

const bool registered =
    Registry<Augmentation>::add<ResizedCrop, ResizedCropOptions>("resized_crop");

}  // namespace

void describe(Fields& f, ResizedCropOptions& o) {
  f("size", o.size, "[height, width] of the result; empty: those of the picture",
    in_range(1, 65535));
  f("area", o.area, "[smallest, largest] share of the picture's area", in_range(0.001, 1));
  f("ratio", o.ratio, "[smallest, largest] width divided by height", in_range(0.01, 100));
  f("filter", o.filter, "how the part is resized");
  f.rule(o.size.empty() || o.size.size() == 2, "size", "[height, width]");
  f.rule(o.area.size() == 2 && o.area[0] <= o.area[1], "area", "[smallest, largest]");
  f.rule(o.ratio.size() == 2 && o.ratio[0] <= o.ratio[1], "ratio", "[smallest, largest]");
}

AugmentationRecipe resized_crop(const ResizedCropOptions& options) {
  return AugmentationRecipe::of("resized_crop", options);
}

}  // namespace weft::data
