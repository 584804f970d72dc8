// SPDX-License-Identifier: Apache-2.0
#include "weft/data/mix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <numeric>

#include "weft/core/error.h"

namespace weft::data {
namespace {

double normal(Random& random) {  // Box and Muller 1958
  const double radius = std::sqrt(-2 * std::log(1 - random.uniform()));
  return radius * std::cos(2 * std::numbers::pi * random.uniform());
}

// ln of a draw from Gamma(alpha, 1), by Marsaglia and Tsang 2000, "A simple method for generating
// gamma variables". Below 1 it is Gamma(alpha + 1)·U^(1/alpha), which a double cannot always hold.
double log_gamma_draw(double alpha, Random& random) {
  double boost = 0;
  if (alpha < 1) {
    boost = std::log(1 - random.uniform()) / alpha;
    alpha += 1;
  }
  const double d = alpha - 1.0 / 3, c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = normal(random), root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    if (std::log(1 - random.uniform()) < 0.5 * x * x + d - d * v + d * std::log(v))
      return std::log(d * v) + boost;
  }
}

}  // namespace

void describe(Fields& f, MixOptions& o) {
  f("alpha", o.alpha, "of Beta(alpha, alpha), from which the share of the first sample is drawn",
    in_range(0.001, 1000));
  f("probability", o.probability, "share of the batches that are mixed", in_range(0, 1));
}

double draw_share(const MixOptions& options, Random& random) {
  if (random.uniform() >= options.probability) return 1;
  const double first = log_gamma_draw(options.alpha, random);
  const double second = log_gamma_draw(options.alpha, random);
  return 1 / (1 + std::exp(second - first));
}

BatchMixer::BatchMixer(std::shared_ptr<const Mix> mix, const DatasetInfo& samples,
                       const DatasetInfo& given)
    : mix_(std::move(mix)), samples_(samples), given_(given), mixed_(given) {
  if (!mix_) return;
  const DatasetInfo& info = samples_;
  WEFT_CHECK(info.has_labels() && info.target.rank() == 0,
             "data.mix: the targets of {} are {} of shape {}; one class label per sample is "
             "required",
             info.name, info.has_labels() ? "labels" : "numbers", info.target);
  WEFT_CHECK(info.sample_dtype == DType::uint8 || info.sample_dtype == DType::f32,
             "data.mix: the samples of {} are {}, tokens; pictures or numbers are required",
             info.name, info.sample_dtype);
  mix_->check(info);
  if (joins_rows()) mixed_.sample = {2 * given_.sample.elements() + kernels::SampleRows::kMixWords};
  mixed_.target = {info.classes};
  mixed_.target_dtype = DType::f32;
}

void BatchMixer::prepare(Scratch& batch, i64 count) const {
  batch.samples.resize(static_cast<std::size_t>(count * given_.sample_bytes()));
  batch.labels.resize(static_cast<std::size_t>(count));
  batch.partners.resize(static_cast<std::size_t>(count));
}

double BatchMixer::join_rows(const Scratch& batch, std::byte* x, Random& random) const {
  const kernels::SampleMix mix = mix_->draw(samples_, random).value();
  const auto source = static_cast<std::size_t>(given_.sample_bytes());
  const std::byte* own = batch.samples.data();
  for (const i64 partner : batch.partners) {
    std::memcpy(x, own, source);
    std::memcpy(x + source, batch.samples.data() + static_cast<std::size_t>(partner) * source,
                source);
    std::memcpy(x + 2 * source, &mix, sizeof mix);
    own += source;
    x += 2 * source + sizeof mix;
  }
  return mix.share;
}

void BatchMixer::apply(Scratch& batch, std::byte* x, float* y, u64 seed, i64 epoch,
                       i64 batch_idx) const {
  Random random{
      key_of(seed, number_of("mix"), static_cast<u64>(epoch), static_cast<u64>(batch_idx))};
  std::vector<i64>& partners = batch.partners;
  std::iota(partners.begin(), partners.end(), i64{0});
  for (std::size_t i = partners.size(); i > 1; --i)
    std::swap(partners[i - 1],
              partners[static_cast<std::size_t>(random.below(static_cast<i64>(i)))]);
  const i64 count = std::ssize(batch.labels), classes = samples_.classes;
  const double share =
      joins_rows() ? join_rows(batch, x, random)
                   : mix_->apply({batch.samples.data(), count, samples_}, partners, x, random);
  WEFT_CHECK(share >= 0 && share <= 1,
             "data.mix: {} gave the share {}; a number in [0, 1] is required",
             joins_rows() ? "draw()" : "apply()", share);
  std::fill_n(y, count * classes, 0.0F);
  for (std::size_t i = 0; i < batch.labels.size(); ++i, y += classes) {
    y[batch.labels[i]] += static_cast<float>(share);
    y[batch.labels[static_cast<std::size_t>(partners[i])]] += static_cast<float>(1 - share);
  }
}

}  // namespace weft::data
