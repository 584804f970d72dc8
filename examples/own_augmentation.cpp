// SPDX-License-Identifier: Apache-2.0
// An augmentation of one's own, and a look at what it does.
#include <cstdio>

#include <weft/data/augmentation.h>
#include <weft/data/digits.h>
#include <weft/data/loader.h>

// Adds noise to each byte.
struct NoiseOptions {
  double most = 20;
};
void describe(weft::Fields& f, NoiseOptions& o) {
  f("most", o.most, "largest change of a byte", weft::non_negative);
}

class Noise : public weft::data::Augmentation {
 public:
  explicit Noise(const NoiseOptions& options) : options_(options) {}
  void apply(const weft::data::PictureView& in, weft::u8* out,
             weft::data::Random& random) const override {
    for (weft::i64 i = 0; i < in.height * in.row_bytes(); ++i) {
      const double value = in.pixels[i] + random.uniform(-options_.most, options_.most);
      out[i] = static_cast<weft::u8>(value < 0 ? 0 : value > 255 ? 255 : value);
    }
  }

 private:
  NoiseOptions options_;
};
const bool registered = weft::Registry<weft::data::Augmentation>::add<Noise, NoiseOptions>("noise");

int main() {
  using namespace weft;
  const data::Digits digits({.size = 100});
  data::Loader loader(digits,
                      {.batch_size = 50, .augment = {data::AugmentationRecipe::of("noise")}});
  double sum = 0;
  for (auto& [x, y] : loader)
    for (const u8 value : x.to_vector<u8>()) sum += value;
  std::printf("mean of a byte: %.1f\n", sum / (100.0 * 28 * 28));
}
