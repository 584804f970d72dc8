// SPDX-License-Identifier: Apache-2.0
// Samples of more tensors than x and target, by name.
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/subset.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

// x and label of Numbers. Of sample i, mask is (i, i + 1, i + 2) in bytes, parts.0 is i / 2 and
// parts.1 the number i.
class Pairs : public Numbers {
 public:
  explicit Pairs(i64 size, i64 bad = 1000) : Numbers(size), info_(Numbers::info()), bad_(bad) {
    info_.name = "pairs";
    info_.more = {{"mask", TensorInfo{{3}, DType::uint8}},
                  {"parts", Tree<TensorInfo>::list(
                                {TensorInfo{{1, 1}, DType::f32}, TensorInfo{{}, DType::int64}})}};
  }
  const DatasetInfo& info() const override { return info_; }
  void read_more(i64 index, std::span<std::byte* const> leaves) const override {
    if (index == bad_) fail("mask.png is not a picture");
    const u8 mask[3] = {static_cast<u8>(index), static_cast<u8>(index + 1),
                        static_cast<u8>(index + 2)};
    const float half = index == -bad_ ? NAN : static_cast<float>(index) / 2;
    std::memcpy(leaves[0], mask, sizeof mask);
    std::memcpy(leaves[1], &half, sizeof half);
    std::memcpy(leaves[2], &index, sizeof index);
  }

 private:
  DatasetInfo info_;
  i64 bad_;  // this sample cannot be read; of its negative, a value is NaN
};

// Checks that all tensors of a batch are of the same samples.
std::vector<i64> checked_samples_of(const Batch& batch) {
  std::vector<i64> samples = samples_of(batch);
  const auto count = static_cast<i64>(samples.size());
  EXPECT_EQ(batch.more["mask"].shape(), (Shape{count, 3}));
  EXPECT_EQ(batch.more["parts.0"].shape(), (Shape{count, 1, 1}));
  EXPECT_EQ(batch.more["parts.1"].shape(), Shape{count});
  for (std::size_t i = 0; i < samples.size(); ++i) {
    EXPECT_EQ(batch.more["mask"].values<u8>()[3 * i + 2], samples[i] + 2);
    EXPECT_EQ(batch.more["parts.0"].values<float>()[i], static_cast<float>(samples[i]) / 2);
    EXPECT_EQ(batch.more["parts.1"].values<i64>()[i], samples[i]);
  }
  return samples;
}

TEST(MoreTensors, ComeWithTheirSamplesWhateverTheWorkers) {
  const Pairs set{23};
  std::vector<i64> first;
  for (const i64 workers : {0, 1, 4}) {
    Loader loader{set, {.batch_size = 5, .shuffle = true, .seed = 2, .workers = workers}};
    for (int epoch = 0; epoch < 2; ++epoch) {
      std::vector<i64> all;
      std::vector<Batch> kept;
      for (const Batch& batch : loader) {
        const std::vector<i64> samples = checked_samples_of(batch);
        all.insert(all.end(), samples.begin(), samples.end());
        if (kept.size() < 2) kept.push_back(batch);
      }
      EXPECT_EQ(all.size(), 23U);
      for (const Batch& batch : kept) checked_samples_of(batch);  // not overwritten
      if (epoch > 0) continue;
      if (first.empty()) first = all;
      EXPECT_EQ(all, first) << workers;
    }
  }
  static_assert(std::tuple_size_v<Batch> == 2, "auto& [x, y] : loader");
}

TEST(MoreTensors, AreThoseOfASubset) {
  const auto set = std::make_shared<Pairs>(20);
  Loader loader{std::make_shared<Subset>(set, std::vector<i64>{7, 3, 11}), {.batch_size = 3}};
  for (const Batch& batch : loader)
    EXPECT_EQ(checked_samples_of(batch), (std::vector<i64>{7, 3, 11}));
}

TEST(MoreTensors, OfASampleThatCannotBeReadAreThoseOfTheOneInItsPlace) {
  const Pairs set{12, 4};
  Loader strict{set, {.batch_size = 12}};
  EXPECT_EQ(user_error_of([&] { epoch_of(strict); }),
            "loader: sample 4 of pairs (train): mask.png is not a picture");
  Loader loader{set, {.batch_size = 4, .bad_samples = BadSamples::skip}};
  i64 count = 0;
  for (const Batch& batch : loader) count += std::ssize(checked_samples_of(batch));
  EXPECT_EQ(count, 12);
}

TEST(MoreTensors, HaveFiniteValues) {
  const Pairs set{12, -5};
  Loader loader{set, {.batch_size = 12}};
  EXPECT_EQ(user_error_of([&] { epoch_of(loader); }),
            "pairs (train): 'parts.0' of sample 5 holds nan at position 0; finite values are "
            "required");
}

TEST(MoreTensors, AreRefusedWhereTheyWouldBeLeftBehind) {
  class Picture : public Pairs {
   public:
    Picture() : Pairs(4), info_(Pairs::info()) {
      info_.sample = {2, 2, 1};
      info_.sample_dtype = DType::uint8;
    }
    const DatasetInfo& info() const override { return info_; }

   private:
    DatasetInfo info_;
  };
  const Picture set;
  EXPECT_EQ(user_error_of([&] { Loader(set, {.batch_size = 2, .augment = {flip()}}); }),
            "loader: augment given for pairs (train), whose samples have more tensors ('mask'), "
            "which it would not change alike; neither augment nor mix is required");
  EXPECT_CONTAINS(user_error_of([&] { Loader(set, {.batch_size = 2, .mix = mixup()}); }),
                  "loader: mix given for pairs");
  EXPECT_EQ(user_error_of([&] { ResidentDataset(set, Cpu{}); }),
            "ResidentDataset: the samples of pairs (train) have more tensors than x and target; a "
            "dataset without DatasetInfo::more is required");
}

TEST(MoreTensors, OfADatasetThatDoesNotWriteThemAreAnError) {
  class Forgetful : public Numbers {
   public:
    Forgetful() : Numbers(4), info_(Numbers::info()) { info_.more = {{"mask", TensorInfo{{3}}}}; }
    const DatasetInfo& info() const override { return info_; }

   private:
    DatasetInfo info_;
  };
  const Forgetful set;
  Loader loader{set, {.batch_size = 2}};
  EXPECT_EQ(
      user_error_of([&] { epoch_of(loader); }),
      "loader: sample 0 of numbers (train): numbers (train): its samples have 1 more tensors, "
      "and its read_more() does not write them; one that does is required");
}

}  // namespace
}  // namespace weft::data
