// SPDX-License-Identifier: Apache-2.0
#include "weft/data/normalize.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <exception>
#include <new>

#include <fmt/format.h>

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/data/check.h"
#include "weft/data/slow_pass.h"
#include "weft/device/simd.h"

namespace weft::data {
namespace {

// Sums over bytes are exact for up to 2^47 values per channel.
class ByteSums {
 public:
  explicit ByteSums(std::size_t channels) : sums_(channels), squares_(channels) {}
  void add(const u8* values, std::size_t pixels) {
    const std::size_t channels = sums_.size(), bytes = pixels * channels;
    std::size_t begin = 0;
    while (kGroup % channels == 0 && bytes - begin >= kGroup)
      begin += add_groups(values + begin, bytes - begin);
    for (; begin < bytes; begin += channels)
      for (std::size_t c = 0; c < channels; ++c) {
        const u64 value = values[begin + c];
        sums_[c] += value;
        squares_[c] += value * value;
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
  static constexpr std::size_t kGroup = 96;  // bytes: whole pixels of 1, 2, 3, 4, 6, 8, … channels

  // Adds as many groups as sums of 32 bits take, and returns their bytes. Each byte of a group has
  // sums of its own, so that the loop over a group vectorises.
  std::size_t add_groups(const u8* values, std::size_t bytes) {
    const std::size_t groups = std::min<std::size_t>(bytes / kGroup, 1 << 16);
    simd([&] {
      u32 sums[kGroup] = {}, squares[kGroup] = {};
      for (const u8* group = values; group < values + groups * kGroup; group += kGroup)
        for (std::size_t i = 0; i < kGroup; ++i) {
          const u32 value = group[i];
          sums[i] += value;
          squares[i] += value * value;
        }
      for (std::size_t i = 0; i < kGroup; i += sums_.size())
        for (std::size_t c = 0; c < sums_.size(); ++c) {
          sums_[c] += sums[i + c];
          squares_[c] += squares[i + c];
        }
    });
    return groups * kGroup;
  }

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
    } catch (const Error& error) {
      const bool of_the_sample = dynamic_cast<const UserError*>(&error) != nullptr ||
                                 dynamic_cast<const IoError*>(&error) != nullptr;
      if (!of_the_sample || bad == BadSamples::error || (!any && i + 1 == dataset.size())) throw;
      continue;
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

std::vector<float> Normalization::terms(DType stored) const {
  const bool bytes = stored == DType::uint8;
  const std::size_t channels = mean.size();
  std::vector<float> terms((bytes ? 2 : 4) * channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const auto set = [&](std::size_t term, double value) {
      return terms[term * channels + c] = static_cast<float>(value);
    };
    if (bytes) {
      set(0, 1.0 / std[c] / 255.0);
      set(1, -mean[c] / std[c]);
      continue;
    }
    // Both ends are normal numbers of f32.
    const int exponent = std::clamp(-std::ilogb(std[c]), -126, 127);
    const double scaled = std::scalbn(mean[c], exponent);
    set(0, std::scalbn(1.0, exponent));
    set(2, scaled - set(1, scaled));
    set(3, 1.0 / std::scalbn(std[c], exponent));
  }
  return terms;
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
