// SPDX-License-Identifier: Apache-2.0
// A dataset whose samples hold their indices, and the samples that a loader returns.
#pragma once
#include <cstring>
#include <functional>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/loader.h"

namespace weft::data {

// Sample i is (i, -i) and its label is i mod 7. `at` is called before sample i is read.
class Numbers : public Dataset {
 public:
  explicit Numbers(i64 size, std::function<void(i64)> at = {}) : size_(size), at_(std::move(at)) {
    info_.name = "numbers";
    info_.split = "train";
    info_.sample = {2};
    info_.sample_dtype = DType::f32;
    info_.classes = 7;
  }
  i64 size() const override { return size_; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override {
    if (at_) at_(index);
    const float numbers[2] = {static_cast<float>(index), -static_cast<float>(index)};
    const i64 label = index % 7;
    std::memcpy(sample, numbers, sizeof numbers);
    std::memcpy(target, &label, sizeof label);
  }

 private:
  i64 size_;
  std::function<void(i64)> at_;
  DatasetInfo info_;
};

// Returns the sample indices of a batch, after a check that samples and labels match.
inline std::vector<i64> samples_of(const Batch& batch) {
  const auto x = batch.x.values<float>();
  const auto y = batch.y.values<i64>();
  EXPECT_EQ(batch.x.shape(), (Shape{static_cast<i64>(y.size()), 2}));
  std::vector<i64> samples;
  for (std::size_t i = 0; i < y.size(); ++i) {
    samples.push_back(static_cast<i64>(x[2 * i]));
    EXPECT_EQ(x[2 * i + 1], -x[2 * i]);
    EXPECT_EQ(y[i], samples.back() % 7);
  }
  return samples;
}

using Epoch = std::vector<std::vector<i64>>;

inline Epoch epoch_of(Loader& loader) {
  Epoch epoch;
  for (auto& batch : loader) epoch.push_back(samples_of(batch));
  return epoch;
}

inline std::vector<i64> joined(const Epoch& epoch) {
  std::vector<i64> all;
  for (const auto& batch : epoch) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

inline std::vector<i64> counting(i64 size) {
  std::vector<i64> numbers(static_cast<std::size_t>(size));
  std::iota(numbers.begin(), numbers.end(), i64{0});
  return numbers;
}

}  // namespace weft::data
