// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/data/mix.h"

namespace weft::data {
namespace {

class Mixup final : public Mix {
 public:
  explicit Mixup(const MixOptions& options) : options_(options) {}

  double apply(const BatchView& in, std::span<const i64> partners, std::byte* out,
               Random& random) const override {
    const i32 own = draw_own(random);
    const i64 elements = in.info.sample.elements(), bytes = in.info.sample_bytes();
    for (i64 i = 0; i < in.count; ++i, out += bytes) {
      const std::byte *first = in.sample(i),
                      *second = in.sample(partners[static_cast<std::size_t>(i)]);
      if (in.info.sample_dtype == DType::uint8) mix_values<u8>(first, second, out, elements, own);
      else mix_values<float>(first, second, out, elements, own);
    }
    return share_of(own);
  }

  std::optional<kernels::SampleMix> draw(const DatasetInfo& /*info*/,
                                         Random& random) const override {
    const i32 own = draw_own(random);
    return kernels::SampleMix{
        .share = share_of(own), .kind = kernels::SampleMix::Kind::mixup, .own = own};
  }

 private:
  // λ in integers, so that every machine gives the same bytes.
  i32 draw_own(Random& random) const {
    return static_cast<i32>(std::lround(draw_share(options_, random) * kernels::SampleMix::kWhole));
  }
  static double share_of(i32 own) { return static_cast<double>(own) / kernels::SampleMix::kWhole; }

  template <class T>
  static void mix_values(const std::byte* first, const std::byte* second, std::byte* mixed, i64 n,
                         i32 own) {
    const T *a = reinterpret_cast<const T*>(first), *b = reinterpret_cast<const T*>(second);
    T* out = reinterpret_cast<T*>(mixed);
    for (i64 i = 0; i < n; ++i) out[i] = kernels::mixed(a[i], b[i], own);
  }

  MixOptions options_;
};

const bool registered = Registry<Mix>::add<Mixup, MixOptions>("mixup");

}  // namespace

MixRecipe mixup(const MixOptions& options) { return MixRecipe::of("mixup", options); }

}  // namespace weft::data
