// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/data/mix.h"

namespace weft::data {
namespace {

constexpr u32 kWhole = 65536;  // λ in integers, so that every machine gives the same bytes

class Mixup final : public Mix {
 public:
  explicit Mixup(const MixOptions& options) : options_(options) {}

  double apply(const BatchView& in, std::span<const i64> partners, std::byte* out,
               Random& random) const override {
    const auto own = static_cast<u32>(std::lround(draw_share(options_, random) * kWhole));
    const i64 elements = in.info.sample.elements(), bytes = in.info.sample_bytes();
    for (i64 i = 0; i < in.count; ++i, out += bytes) {
      const std::byte *first = in.sample(i),
                      *second = in.sample(partners[static_cast<std::size_t>(i)]);
      if (in.info.sample_dtype == DType::uint8)
        mix_bytes(reinterpret_cast<const u8*>(first), reinterpret_cast<const u8*>(second),
                  reinterpret_cast<u8*>(out), elements, own);
      else
        mix_values(reinterpret_cast<const float*>(first), reinterpret_cast<const float*>(second),
                   reinterpret_cast<float*>(out), elements, own);
    }
    return static_cast<double>(own) / kWhole;
  }

 private:
  static void mix_bytes(const u8* a, const u8* b, u8* out, i64 n, u32 own) {
    const u32 other = kWhole - own;
    for (i64 i = 0; i < n; ++i)
      out[i] = static_cast<u8>((own * a[i] + other * b[i] + kWhole / 2) / kWhole);
  }
  static void mix_values(const float* a, const float* b, float* out, i64 n, u32 own) {
    const float share = static_cast<float>(own) / static_cast<float>(kWhole);
    for (i64 i = 0; i < n; ++i) out[i] = share * a[i] + (1 - share) * b[i];
  }

  MixOptions options_;
};

const bool registered = Registry<Mix>::add<Mixup, MixOptions>("mixup");

}  // namespace

MixRecipe mixup(const MixOptions& options) { return MixRecipe::of("mixup", options); }

}  // namespace weft::data
