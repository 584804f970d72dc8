// SPDX-License-Identifier: Apache-2.0
#include "weft/data/normalize.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/log.h"
#include "weft/data/digits.h"
#include "weft/data/idx.h"
#include "weft/tensor/ops.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

TensorDataset memory(const Tensor& samples) {
  DatasetInfo info;
  info.name = "memory";
  info.split = "train";
  info.classes = 2;
  return TensorDataset{info, samples, Tensor::zeros({samples.size(0)}, DType::int64)};
}

TEST(Normalization, OfBytesIsPerChannelAndInPartsOfOne) {
  // Two images (1, 2, 2). Channel 0 is 0, 100, 200, 100, and channel 1 is always 51.
  const auto set = memory(Tensor::copy_of(Bytes{0, 51, 100, 51, 200, 51, 100, 51}, {2, 1, 2, 2}));
  const auto found = statistics_of(set);
  ASSERT_EQ(found.mean.size(), 2u);
  EXPECT_DOUBLE_EQ(found.mean[0], 100 / 255.0);
  EXPECT_DOUBLE_EQ(found.std[0], std::sqrt(5000.0) / 255.0);
  EXPECT_DOUBLE_EQ(found.mean[1], 0.2);
  EXPECT_EQ(found.std[1], 1.0);  // the deviation is 0, so nothing is scaled
}

// Byte i of a sample is (37·i + 11·sample) mod 256. Most samples end within a group of bytes
// that is summed as one, and 5 and 97 channels fit no such group.
TEST(Normalization, OfBytesIsThatOfEachValueForAnyNumberOfChannels) {
  for (const i64 channels : {1, 2, 3, 5, 96, 97}) {
    constexpr i64 kSamples = 3, kPixels = 131;
    Bytes bytes;
    std::vector<double> sums(static_cast<std::size_t>(channels)), squares(sums.size());
    for (i64 sample = 0; sample < kSamples; ++sample)
      for (i64 i = 0; i < kPixels * channels; ++i) {
        bytes.push_back(static_cast<u8>(37 * i + 11 * sample));
        const double value = bytes.back() / 255.0;
        sums[static_cast<std::size_t>(i % channels)] += value;
        squares[static_cast<std::size_t>(i % channels)] += value * value;
      }
    const auto found =
        statistics_of(memory(Tensor::copy_of(bytes, {kSamples, 1, kPixels, channels})));
    ASSERT_EQ(std::ssize(found.mean), channels);
    for (std::size_t c = 0; c < sums.size(); ++c) {
      constexpr double kCount = kSamples * kPixels;
      const double mean = sums[c] / kCount;
      EXPECT_NEAR(found.mean[c], mean, 1e-12) << channels;
      EXPECT_NEAR(found.std[c], std::sqrt(squares[c] / kCount - mean * mean), 1e-9) << channels;
    }
  }
}

TEST(Normalization, OfALargeWhitePictureDoesNotOverflow) {
  const Tensor white = Tensor::full({1, 3000, 3000, 1}, 255, DType::uint8);
  const auto found = statistics_of(memory(white));
  EXPECT_EQ(found.mean[0], 1);
  EXPECT_EQ(found.std[0], 1);  // the deviation is 0
}

TEST(Normalization, OfNumbersIsPerFeature) {
  const auto set =
      memory(Tensor::copy_of(std::vector<float>{1, 1e6f, 3, 1e6f + 2, 5, 1e6f + 4}, {3, 2}));
  const auto found = statistics_of(set);
  EXPECT_DOUBLE_EQ(found.mean[0], 3);
  EXPECT_DOUBLE_EQ(found.std[0], std::sqrt(8 / 3.0));
  EXPECT_DOUBLE_EQ(found.mean[1], 1e6 + 2);
  EXPECT_DOUBLE_EQ(found.std[1], std::sqrt(8 / 3.0));
}

TEST(Normalization, BringsADatasetToMeanZeroAndDeviationOne) {
  const Digits digits{{.size = 500}};
  const auto found = statistics_of(digits);
  const std::vector<float> terms = found.terms(DType::uint8);
  const double factor = terms.at(0), offset = terms.at(1);
  double sum = 0, squares = 0;
  for (const u8 value : digits.samples().values<u8>()) {
    const double input = value * factor + offset;
    sum += input;
    squares += input * input;
  }
  EXPECT_NEAR(sum / (500 * 784), 0, 1e-7);
  EXPECT_NEAR(squares / (500 * 784), 1, 1e-6);
}

// Each column is normalised to within a few units in the last place of its exact values: a large
// mean, values near the largest of f32, subnormal values, and a constant.
TEST(Normalization, KeepsTheDigitsOfEachColumn) {
  constexpr i64 kRows = 8, kColumns = 6;
  std::vector<float> x;
  for (i64 r = 0; r < kRows; ++r) {
    const auto i = static_cast<float>(r);
    x.insert(x.end(), {16000000.0f + i, (i - 4) * 8e37f, static_cast<float>((i + 1) * 1e-41),
                       i * 1e-30f - 2e-30f, 0.1f, 2020.0f + i * 0.25f});
  }
  const Tensor samples = Tensor::copy_of(x, {kRows, kColumns});
  const Normalization found = statistics_of(memory(samples));
  const Tensor terms = Tensor::copy_of(found.terms(DType::f32), {4, kColumns});
  const std::vector<float> y = normalize(samples, terms).to_vector<float>();
  for (i64 c = 0; c < kColumns; ++c) {
    double mean = 0, squares = 0;
    for (i64 r = 0; r < kRows; ++r) {
      const auto at = static_cast<std::size_t>(r * kColumns + c),
                 column = static_cast<std::size_t>(c);
      const double wanted = (x[at] - found.mean[column]) / found.std[column];
      EXPECT_NEAR(y[at], wanted, 4 * 0x1p-24 * std::max(1.0, std::abs(wanted))) << r << " " << c;
      mean += y[at] / kRows;
      squares += y[at] * static_cast<double>(y[at]) / kRows;
    }
    EXPECT_NEAR(mean, 0, 1e-7) << c;
    EXPECT_NEAR(squares, c == 4 ? 0 : 1, 1e-6) << c;
  }
}

TEST(Normalization, CanBeNone) {
  const auto set = memory(Tensor::copy_of(Bytes{0, 51, 100, 51}, {2, 1, 1, 2}));
  const auto none = no_normalization(set.info());
  EXPECT_EQ(none.mean, (std::vector<double>{0, 0}));
  constexpr float kPart = 1 / 255.0f;
  EXPECT_EQ(none.terms(DType::uint8), (std::vector<float>{kPart, kPart, 0, 0}));
  EXPECT_EQ(none.terms(DType::f32), (std::vector<float>{1, 1, 0, 0, 0, 0, 1, 1}));
}

TEST(Normalization, CanBeRead) {
  EXPECT_EQ((Normalization{{0.13066}, {0.30811}}).to_string(), "mean 0.1307, std 0.3081");
  EXPECT_EQ((Normalization{{0.5, 0.25}, {1, 2}}).to_string(), "mean (0.5, 0.25), std (1, 2)");
  EXPECT_EQ((Normalization{std::vector<double>(100), std::vector<double>(100, 1.0)}).to_string(),
            "mean (0, … 100 in all), std (1, … 100 in all)");
}

TEST(Normalization, WhatADatasetThrowsNamesTheSample) {
  const Numbers set{4, [](i64 index) {
                      if (index == 2) throw std::runtime_error("disk on fire");
                    }};
  EXPECT_EQ(test_support::message_of<InternalError>([&] { statistics_of(set); }),
            "data.normalize: sample 2 of numbers (train): disk on fire");
}

TEST(NormalizationSlow, SaysOnceWhatTakesLong) {
  std::vector<std::string> log;
  const LogSink before =
      set_log_sink([&](LogLevel, std::string_view message) { log.emplace_back(message); });
  statistics_of(Numbers{1000});
  EXPECT_TRUE(log.empty());
  statistics_of(Numbers{1000, [](i64 index) {
                          if (index % 400 == 5)
                            std::this_thread::sleep_for(std::chrono::milliseconds(3100));
                        }});
  set_log_sink(before);
  EXPECT_EQ(log, (std::vector<std::string>{"data.normalize: the statistics of numbers (train): 16 "
                                           "of 1000 samples were read in the first 3 s"}));
}

TEST(NormalizationReal, AgreesWithTheKnownNumbers) {
  const auto root = real_data("mnist");
  if (!root) GTEST_SKIP() << "no mnist in $WEFT_DATA_DIR or ../shared/data";
  EXPECT_EQ(statistics_of(Mnist{*root, "train"}).to_string(), "mean 0.1307, std 0.3081");
}

}  // namespace
}  // namespace weft::data
