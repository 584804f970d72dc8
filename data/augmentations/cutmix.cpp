// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <cstring>

#include "weft/core/error.h"
#include "weft/data/mix.h"

namespace weft::data {
namespace {

class CutMix final : public Mix {
 public:
  explicit CutMix(const MixOptions& options) : options_(options) {}

  void check(const DatasetInfo& info) const override {
    WEFT_CHECK(info.sample.rank() == 3,
               "data.mix: cutmix given for {}, whose samples are {}; pictures, (height, width, "
               "channels), are required (mixup takes samples of any shape)",
               info.name, info.sample);
  }

  double apply(const BatchView& in, std::span<const i64> partners, std::byte* out,
               Random& random) const override {
    const i64 height = in.info.sample[0], width = in.info.sample[1];
    const auto [top, bottom, left, right] = draw_box(height, width, random);
    const i64 pixel = in.info.sample_bytes() / (height * width), row = width * pixel;
    const auto bytes = static_cast<std::size_t>(in.info.sample_bytes());
    for (i64 i = 0; i < in.count; ++i, out += bytes) {
      std::memcpy(out, in.sample(i), bytes);
      const std::byte* other = in.sample(partners[static_cast<std::size_t>(i)]);
      for (i64 y = top; y < bottom; ++y)
        std::memcpy(out + y * row + left * pixel, other + y * row + left * pixel,
                    static_cast<std::size_t>((right - left) * pixel));
    }
    return share_outside({top, bottom, left, right}, height, width);
  }

  std::optional<kernels::SampleMix> draw(const DatasetInfo& info, Random& random) const override {
    const i64 height = info.sample[0], width = info.sample[1];
    const Box box = draw_box(height, width, random);
    return kernels::SampleMix{.share = share_outside(box, height, width),
                              .kind = kernels::SampleMix::Kind::cutmix,
                              .top = static_cast<i32>(box.top),
                              .bottom = static_cast<i32>(box.bottom),
                              .left = static_cast<i32>(box.left),
                              .right = static_cast<i32>(box.right)};
  }

 private:
  struct Box {
    i64 top, bottom, left, right;
  };
  Box draw_box(i64 height, i64 width, Random& random) const {
    const double side = std::sqrt(1 - draw_share(options_, random));
    const auto [top, bottom] = cut(height, side, random);
    const auto [left, right] = cut(width, side, random);
    return {top, bottom, left, right};
  }
  static double share_outside(const Box& box, i64 height, i64 width) {
    const double inside = static_cast<double>((box.bottom - box.top) * (box.right - box.left));
    return 1 - inside / static_cast<double>(height * width);
  }

  struct Range {
    i64 begin, end;
  };
  // The part of an axis that is cut: the share `side` of it around a random point, in the picture.
  static Range cut(i64 size, double side, Random& random) {
    const i64 length = static_cast<i64>(static_cast<double>(size) * side);
    const i64 begin = random.below(size) - length / 2;
    return {std::max<i64>(begin, 0), std::min(begin + length, size)};
  }

  MixOptions options_;
};

const bool registered = Registry<Mix>::add<CutMix, MixOptions>("cutmix");

}  // namespace

MixRecipe cutmix(const MixOptions& options) { return MixRecipe::of("cutmix", options); }

}  // namespace weft::data
