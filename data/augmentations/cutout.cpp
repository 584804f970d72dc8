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
    const i64 top = random.below(in.height) - options_.size / 2;
    const i64 left = random.below(in.width) - options_.size / 2;
    const i64 begin = std::max<i64>(left, 0), end = std::min(left + options_.size, in.width);
    for (i64 y = std::max<i64>(top, 0); y < std::min(top + options_.size, in.height); ++y)
      std::memset(out + y * in.row_bytes() + begin * in.channels, 0,
                  static_cast<std::size_t>((end - begin) * in.channels));
  }

 private:
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
