// SPDX-License-Identifier: Apache-2.0
#include <cstring>

#include "weft/data/augmentation.h"

namespace weft::data {
namespace {

class Flip final : public Augmentation {
 public:
  explicit Flip(const FlipOptions& options) : options_(options) {}

  void apply(const PictureView& in, u8* out, Random& random) const override {
    const auto bytes = static_cast<std::size_t>(in.row_bytes());
    const bool flips = draw_flip(random);
    const bool upside_down = flips && options_.direction == FlipDirection::vertical;
    for (i64 y = 0; y < in.height; ++y, out += bytes) {
      const u8* row = in.at(upside_down ? in.height - 1 - y : y, 0);
      if (!flips || upside_down) std::memcpy(out, row, bytes);
      else if (in.channels == 3) reverse<3>(row, out, in.width);
      else if (in.channels == 1) reverse<1>(row, out, in.width);
      else
        for (i64 x = 0; x < in.width; ++x)
          std::memcpy(out + x * in.channels, row + (in.width - 1 - x) * in.channels,
                      static_cast<std::size_t>(in.channels));
    }
  }

  std::optional<kernels::PictureMove> draw_move(const Shape& /*picture*/,
                                                Random& random) const override {
    using Kind = kernels::PictureMove::Kind;
    if (!draw_flip(random)) return kernels::PictureMove{};
    return kernels::PictureMove{.kind = options_.direction == FlipDirection::vertical
                                            ? Kind::flip_vertical
                                            : Kind::flip_horizontal};
  }

 private:
  bool draw_flip(Random& random) const { return random.uniform() < options_.probability; }

  template <i64 kChannels>
  static void reverse(const u8* row, u8* out, i64 width) {
    for (i64 x = 0; x < width; ++x)
      for (i64 c = 0; c < kChannels; ++c)
        out[x * kChannels + c] = row[(width - 1 - x) * kChannels + c];
  }

  FlipOptions options_;
};

const bool registered = Registry<Augmentation>::add<Flip, FlipOptions>("flip");

}  // namespace

void describe(Fields& f, FlipOptions& o) {
  f("probability", o.probability, "share of the pictures that are flipped", in_range(0, 1));
  f("direction", o.direction, "left and right, or up and down, change places");
}

AugmentationRecipe flip(const FlipOptions& options) {
  return AugmentationRecipe::of("flip", options);
}

}  // namespace weft::data
