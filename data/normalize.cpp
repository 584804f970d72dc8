// SPDX-License-Identifier: Apache-2.0
#include "weft/data/normalize.h"

#include <cmath>
#include <cstring>
#include <exception>
#include <new>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/data/check.h"
#include "weft/data/slow_pass.h"

namespace weft::data {
namespace {

// Sums over bytes are exact for up to 2^47 values per channel.
class ByteSums {
 public:
  explicit ByteSums(std::size_t channels) : sums_(channels), squares_(channels) {}
  void add(const u8* values, std::size_t pixels) {
    const std::size_t channels = sums_.size();
    for (std::size_t c = 0; c < channels; ++c) {
      u64 sum = 0, squares = 0;
      for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
        const u64 value = values[pixel * channels + c];
        sum += value;
        squares += value * value;
      }
      sums_[c] += sum;
      squares_[c] += squares;
    }
    count_ += pixels;
  }
  double mean(std::size_t c) const {
    return static_cast<double>(sums_[c]) / static_cast<double>(count_) / 255.0;
  }
  double variance(std::size_t c) const {
    const auto numerator = static_cast<unsigned __int128>(squares_[c]) * count_ -
                           static_cast<unsigned __int128>(sums_[c]) * sums_[c];
    const auto count = static_cast<double>(count_);
    return static_cast<double>(numerator) / count / count / (255.0 * 255.0);
  }

 private:
  std::vector<u64> sums_, squares_;
  u64 count_ = 0;
};

// Welford's running mean and sum of squared deviations (Technometrics 4, 1962).
class FloatMoments {
 public:
  explicit FloatMoments(std::size_t channels) : mean_(channels), squares_(channels) {}
  void add(const float* values, std::size_t pixels) {
    for (std::size_t pixel = 0; pixel < pixels; ++pixel) {
      ++count_;
      for (std::size_t c = 0; c < mean_.size(); ++c) {
        const double value = *values++, before = value - mean_[c];
        mean_[c] += before / static_cast<double>(count_);
        squares_[c] += before * (value - mean_[c]);
      }
    }
  }
  double mean(std::size_t c) const { return mean_[c]; }
  double variance(std::size_t c) const { return squares_[c] / static_cast<double>(count_); }

 private:
  std::vector<double> mean_, squares_;
  u64 count_ = 0;
};

template <class T, class Sums>
Normalization measure(const Dataset& dataset, BadSamples bad) {
  const auto& info = dataset.info();
  const auto channels = static_cast<std::size_t>(info.channels());
  Sums sums{channels};
  std::vector<T> sample(static_cast<std::size_t>(info.sample.elements()));
  std::vector<std::byte> target(static_cast<std::size_t>(info.target_bytes()));
  bool any = false;
  SlowPass pass(fmt::format("data.normalize: the statistics of {} ({})", info.name, info.split),
                dataset.size());
  for (i64 i = 0; i < dataset.size(); ++i) {
    pass.note(i);
    try {
      dataset.read(i, sample.data(), target.data());
      check_sample(info, i, sample.data(), target.data());
    } catch (const UserError&) {
      if (bad == BadSamples::error || (!any && i + 1 == dataset.size())) throw;
      continue;
    } catch (const Error&) {
      throw;
    } catch (const std::bad_alloc&) {
      throw;
    } catch (const std::exception& error) {  // of a plugin's dataset
      throw InternalError(fmt::format("data.normalize: sample {} of {} ({}): {}", i, info.name,
                                      info.split, error.what()));
    }
    any = true;
    sums.add(sample.data(), sample.size() / channels);
  }
  Normalization result;
  for (std::size_t c = 0; c < channels; ++c) {
    const double std = std::sqrt(sums.variance(c));
    result.mean.push_back(sums.mean(c));
    result.std.push_back(std > 0 ? std : 1.0);
  }
  return result;
}

std::string text_of(const std::vector<double>& values) {
  if (values.size() == 1) return fmt::format("{:.4g}", values[0]);
  if (values.size() > 8) return fmt::format("({:.4g}, … {} in all)", values[0], values.size());
  return fmt::format("({:.4g})", fmt::join(values, ", "));
}

}  // namespace

double Normalization::factor(std::size_t channel, DType stored) const {
  return 1.0 / std[channel] / (stored == DType::uint8 ? 255.0 : 1.0);
}

std::string Normalization::to_string() const {
  return fmt::format("mean {}, std {}", text_of(mean), text_of(std));
}

Normalization no_normalization(const DatasetInfo& info) {
  const auto channels = static_cast<std::size_t>(info.channels());
  return {std::vector<double>(channels, 0.0), std::vector<double>(channels, 1.0)};
}

Normalization statistics_of(const Dataset& dataset, BadSamples bad) {
  const auto& info = dataset.info();
  WEFT_CHECK(dataset.size() > 0 && info.sample.elements() > 0,
             "normalize: {} ({}) has {} samples of shape {}; at least one number is required",
             info.name, info.split, dataset.size(), info.sample);
  if (info.has_tokens()) return {};
  return info.sample_dtype == DType::uint8 ? measure<u8, ByteSums>(dataset, bad)
                                           : measure<float, FloatMoments>(dataset, bad);
}

}  // namespace weft::data
