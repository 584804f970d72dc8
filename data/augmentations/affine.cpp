// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <numbers>

#include "weft/data/augmentation.h"

namespace weft::data {
namespace {

// From a position in the result to one in the picture.
struct Map {
  double xx, xy, yx, yy, x0, y0;
};

u8 sampled(const PictureView& in, double x, double y, i64 channel) {
  const double left = std::floor(x), top = std::floor(y);
  const double right_share = x - left, bottom_share = y - top;
  const auto value = [&](double at_y, double at_x) -> double {
    const auto row = static_cast<i64>(at_y), column = static_cast<i64>(at_x);
    const bool inside = row >= 0 && row < in.height && column >= 0 && column < in.width;
    return inside ? in.at(row, column)[channel] : 0;
  };
  const double above = value(top, left) * (1 - right_share) + value(top, left + 1) * right_share;
  const double below =
      value(top + 1, left) * (1 - right_share) + value(top + 1, left + 1) * right_share;
  return static_cast<u8>(std::lround(above * (1 - bottom_share) + below * bottom_share));
}

class RandomAffine final : public Augmentation {
 public:
  explicit RandomAffine(const AffineOptions& options) : options_(options) {}

  void apply(const PictureView& in, u8* out, Random& random) const override {
    const Map map = drawn(in, random);
    for (i64 y = 0; y < in.height; ++y)
      for (i64 x = 0; x < in.width; ++x) {
        const auto at_x = static_cast<double>(x), at_y = static_cast<double>(y);
        const double from_x = map.xx * at_x + map.xy * at_y + map.x0;
        const double from_y = map.yx * at_x + map.yy * at_y + map.y0;
        for (i64 c = 0; c < in.channels; ++c) *out++ = sampled(in, from_x, from_y, c);
      }
  }

 private:
  // The inverse of rotation · shear · zoom around the centre, followed by a shift.
  Map drawn(const PictureView& in, Random& random) const {
    constexpr double kDegree = std::numbers::pi / 180;
    const double angle = random.uniform(-options_.degrees, options_.degrees) * kDegree;
    const double zoom = random.uniform(options_.scale[0], options_.scale[1]);
    const double shear = std::tan(random.uniform(-options_.shear, options_.shear) * kDegree);
    const double shift_x =
        random.uniform(-options_.translate, options_.translate) * static_cast<double>(in.width);
    const double shift_y =
        random.uniform(-options_.translate, options_.translate) * static_cast<double>(in.height);
    const double cosine = std::cos(angle), sine = std::sin(angle);
    Map map{};
    map.xx = (cosine + shear * sine) / zoom;
    map.xy = (sine - shear * cosine) / zoom;
    map.yx = -sine / zoom;
    map.yy = cosine / zoom;
    const double centre_x = static_cast<double>(in.width - 1) / 2;
    const double centre_y = static_cast<double>(in.height - 1) / 2;
    map.x0 = centre_x - map.xx * (centre_x + shift_x) - map.xy * (centre_y + shift_y);
    map.y0 = centre_y - map.yx * (centre_x + shift_x) - map.yy * (centre_y + shift_y);
    return map;
  }

  AffineOptions options_;
};

const bool registered = Registry<Augmentation>::add<RandomAffine, AffineOptions>("affine");

}  // namespace

void describe(Fields& f, AffineOptions& o) {
  f("degrees", o.degrees, "largest rotation to either side", in_range(0, 180));
  f("translate", o.translate, "largest shift, as a share of height and width", in_range(0, 1));
  f("scale", o.scale, "[smallest, largest] zoom", in_range(0.01, 100));
  f("shear", o.shear, "largest shear to either side in degrees", in_range(0, 80));
  f.rule(o.scale.size() == 2 && o.scale[0] <= o.scale[1], "scale", "[smallest, largest]");
}

AugmentationRecipe affine(const AffineOptions& options) {
  return AugmentationRecipe::of("affine", options);
}

}  // namespace weft::data
