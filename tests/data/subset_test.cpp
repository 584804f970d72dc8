// SPDX-License-Identifier: Apache-2.0
#include "weft/data/subset.h"

#include <algorithm>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "weft/data/tensor_dataset.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

// Sample i holds i. Class c has shares[c] samples, which are spread over the dataset.
std::shared_ptr<const Dataset> labelled(const std::vector<i64>& shares) {
  std::vector<i64> labels;
  auto left = shares;
  while (std::accumulate(left.begin(), left.end(), i64{0}) > 0)
    for (std::size_t c = 0; c < left.size(); ++c)
      if (left[c]-- > 0) labels.push_back(static_cast<i64>(c));
      else left[c] = 0;
  const auto count = static_cast<i64>(labels.size());
  std::vector<float> samples(labels.size());
  std::iota(samples.begin(), samples.end(), 0.0f);
  DatasetInfo info;
  info.name = "memory";
  info.split = "train";
  info.classes = static_cast<i64>(shares.size());
  return std::make_shared<TensorDataset>(info, Tensor::copy_of(samples, {count, 1}),
                                         Tensor::copy_of(labels, {count}));
}

std::vector<i64> samples_of(const Dataset& dataset) {
  std::vector<i64> samples;
  for (i64 i = 0; i < dataset.size(); ++i) {
    float sample = 0;
    i64 label = 0;
    dataset.read(i, &sample, &label);
    samples.push_back(static_cast<i64>(sample));
  }
  return samples;
}

std::map<i64, i64> count_by_label(const Dataset& dataset) {
  std::map<i64, i64> counts;
  for (i64 i = 0; i < dataset.size(); ++i) {
    float sample = 0;
    i64 label = 0;
    dataset.read(i, &sample, &label);
    ++counts[label];
  }
  return counts;
}

TEST(Subset, HasTheSamplesThatWereAskedFor) {
  const Subset subset{labelled({5, 5}), {7, 2, 2}, "some"};
  EXPECT_EQ(subset.size(), 3);
  EXPECT_EQ(samples_of(subset), (std::vector<i64>{7, 2, 2}));
  EXPECT_EQ(subset.info().split, "some");
  EXPECT_EQ(subset.info().name, "memory");
  EXPECT_EQ(samples_of(*first_samples(labelled({5, 5}), 3)), (std::vector<i64>{0, 1, 2}));
}

TEST(Subset, NamesWhatIsNotThere) {
  EXPECT_EQ(user_error_of([] {
              Subset(labelled({5, 5}), {3, 10});
            }),
            "subset: index 10 of memory (train); 0 to 9 is required");
  EXPECT_EQ(user_error_of([] {
              first_samples(labelled({5, 5}), 11);
            }),
            "subset: 11 samples of memory (train) were asked for; 1 to 10 is required");
  EXPECT_EQ(user_error_of([] {
              first_samples(labelled({5, 5}), 0);
            }),
            "subset: 0 samples of memory (train) were asked for; 1 to 10 is required");
  const Subset subset{labelled({5, 5}), {3}};
  float sample = 0;
  i64 label = 0;
  EXPECT_EQ(user_error_of([&] { subset.read(1, &sample, &label); }),
            "memory (train): sample 1 was asked for; 0 to 0 exist");
}

TEST(Subset, CanBeDrawn) {
  const auto whole = labelled({60, 30, 10});
  const auto some = some_samples(whole, 20, 1);
  EXPECT_EQ(count_by_label(*some), (std::map<i64, i64>{{0, 12}, {1, 6}, {2, 2}}));
  const auto samples = samples_of(*some);
  EXPECT_TRUE(std::is_sorted(samples.begin(), samples.end()));
  EXPECT_EQ(samples_of(*some_samples(whole, 20, 1)), samples);
  EXPECT_NE(samples_of(*some_samples(whole, 20, 2)), samples);
  EXPECT_EQ(samples_of(*some_samples(whole, 100, 1)), samples_of(*whole));
  EXPECT_EQ(user_error_of([&] { some_samples(whole, 101, 1); }),
            "subset: 101 samples of memory (train) were asked for; 1 to 100 is required");
}

TEST(HoldOut, PartsTheDatasetWithoutOverlap) {
  const auto whole = labelled({40, 40, 23});
  for (const bool stratified : {true, false}) {
    const auto split = hold_out(whole, 0.1, 1, stratified);
    EXPECT_EQ(split.validation->size(), 10);  // 10.3 is rounded
    EXPECT_EQ(split.train->size(), 93);
    EXPECT_EQ(split.train->info().split, "train");
    EXPECT_EQ(split.validation->info().split, "validation");
    auto train = samples_of(*split.train), validation = samples_of(*split.validation);
    EXPECT_TRUE(std::is_sorted(train.begin(), train.end()));
    EXPECT_TRUE(std::is_sorted(validation.begin(), validation.end()));
    std::vector<i64> all;
    std::merge(train.begin(), train.end(), validation.begin(), validation.end(),
               std::back_inserter(all));
    EXPECT_EQ(all, samples_of(*whole));
  }
}

TEST(HoldOut, DependsOnTheSeed) {
  const auto whole = labelled({100, 100});
  const auto held = [&](u64 seed) { return samples_of(*hold_out(whole, 0.2, seed).validation); };
  EXPECT_EQ(held(1), held(1));
  EXPECT_NE(held(1), held(2));
}

TEST(HoldOut, GivesEveryClassItsShare) {
  const auto split = hold_out(labelled({500, 100, 20, 7}), 0.2, 3);
  const auto counts = count_by_label(*split.validation);
  EXPECT_EQ(counts.at(0), 100);
  EXPECT_EQ(counts.at(1), 20);
  EXPECT_EQ(counts.at(2), 4);
  EXPECT_EQ(counts.at(3), 1);  // 1.4 is rounded
  EXPECT_EQ(split.validation->size(), 125);
}

TEST(HoldOut, NamesWhatCannotBeHeldOut) {
  EXPECT_EQ(user_error_of([] {
              hold_out(labelled({5, 5}), 1.5, 1);
            }),
            "validation_split: 1.5 was given; a part of the training samples, between 0 and 1, is "
            "required");
  EXPECT_CONTAINS(user_error_of([] { hold_out(labelled({5, 5}), 0, 1); }), "0 was given");
  EXPECT_CONTAINS(user_error_of([] { hold_out(labelled({5, 5}), 1, 1); }), "1 was given");
  EXPECT_EQ(user_error_of([] {
              hold_out(labelled({5, 5}), 0.01, 1);
            }),
            "validation_split: 0.01 of the 10 samples of memory (train) is 0; at least one sample "
            "for training and "
            "one for validation are required");
  EXPECT_CONTAINS(user_error_of([] { hold_out(labelled({5, 5}), 0.99, 1); }), "is 10;");
}

}  // namespace
}  // namespace weft::data
