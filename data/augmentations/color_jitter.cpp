// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>

#include "weft/data/augmentation.h"
#include "weft/data/picture.h"

namespace weft::data {
namespace {

u8 to_byte(double value) { return static_cast<u8>(std::lround(std::clamp(value, 0.0, 255.0))); }

// What a factor makes of each byte: `base` + factor · (value − base).
std::array<u8, 256> blended_with(double base, double factor) {
  std::array<u8, 256> table{};
  for (std::size_t value = 0; value < table.size(); ++value)
    table[value] = to_byte(base + factor * (static_cast<double>(value) - base));
  return table;
}

// source: Smith, Color gamut transform pairs, SIGGRAPH 1978 (the HSV hexcone)
void turn_hue(u8* pixel, double turn) {
  const double red = pixel[0], green = pixel[1], blue = pixel[2];
  const double largest = std::max({red, green, blue}), smallest = std::min({red, green, blue});
  const double chroma = largest - smallest;
  if (chroma == 0) return;
  double hue = largest == red     ? (green - blue) / chroma
               : largest == green ? 2 + (blue - red) / chroma
                                  : 4 + (red - green) / chroma;
  hue += 6 * turn;
  hue -= 6 * std::floor(hue / 6);
  // Each colour is `largest` in a third of the circle, `smallest` in another, and between in
  // between.
  const auto value = [&](double offset) {
    const double k = std::fmod(offset + hue, 6);
    return largest - chroma * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  pixel[0] = to_byte(value(5));
  pixel[1] = to_byte(value(3));
  pixel[2] = to_byte(value(1));
}

class ColorJitter final : public Augmentation {
 public:
  explicit ColorJitter(const ColorJitterOptions& options) : options_(options) {}

  void apply(const PictureView& in, u8* out, Random& random) const override {
    const i64 pixels = in.height * in.width;
    std::memcpy(out, in.pixels, static_cast<std::size_t>(pixels * in.channels));
    const auto factor = [&](double most) { return random.uniform(1 - most, 1 + most); };
    const double brightness = factor(options_.brightness), contrast = factor(options_.contrast),
                 saturation = factor(options_.saturation),
                 turn = random.uniform(-options_.hue, options_.hue);
    const auto translate = [&](const std::array<u8, 256>& table) {
      for (i64 i = 0; i < pixels * in.channels; ++i) out[i] = table[out[i]];
    };
    if (options_.brightness > 0) translate(blended_with(0, brightness));
    if (options_.contrast > 0)
      translate(blended_with(std::round(mean_grey(out, pixels, in.channels)), contrast));
    if (in.channels != 3) return;
    for (i64 i = 0; options_.saturation > 0 && i < pixels; ++i) {
      u8* pixel = out + 3 * i;
      const double grey = grey_of(pixel[0], pixel[1], pixel[2]);
      for (int c = 0; c < 3; ++c) pixel[c] = to_byte(grey + saturation * (pixel[c] - grey));
    }
    for (i64 i = 0; options_.hue > 0 && i < pixels; ++i) turn_hue(out + 3 * i, turn);
  }

 private:
  static double mean_grey(const u8* pixels, i64 count, i64 channels) {
    i64 sum = 0;
    for (i64 i = 0; i < count; ++i, pixels += channels)
      sum += channels == 3 ? grey_of(pixels[0], pixels[1], pixels[2]) : pixels[0];
    return static_cast<double>(sum) / static_cast<double>(count);
  }

  ColorJitterOptions options_;
};

const bool registered =
    Registry<Augmentation>::add<ColorJitter, ColorJitterOptions>("color_jitter") &&
    Registry<Augmentation>::add_spelling("colour_jitter", "color_jitter");

}  // namespace

void describe(Fields& f, ColorJitterOptions& o) {
  f("brightness", o.brightness, "factors from 1 - this to 1 + this; 0: no change", in_range(0, 1));
  f("contrast", o.contrast, "the same, around the mean grey", in_range(0, 1));
  f("saturation", o.saturation, "the same, around each pixel's grey", in_range(0, 1));
  f("hue", o.hue, "largest turn of the colour circle to either side, of 1", in_range(0, 0.5));
}

AugmentationRecipe color_jitter(const ColorJitterOptions& options) {
  return AugmentationRecipe::of("color_jitter", options);
}

}  // namespace weft::data
