// SPDX-License-Identifier: Apache-2.0
// Augmented and mixed batches of a dataset on a device, compared byte by byte with those of a
// loader on the host.
#pragma once
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/resident_dataset.h"
#include "weft/data/resident_gather.h"
#include "weft/data/tensor_dataset.h"
#include "weft/testing/compare.h"

namespace weft::data {

inline constexpr i64 kGatherSamples = 23, kGatherBatch = 5;  // the last batch has 3

// Random samples of 4 classes. Those in f32 have both zeros and negative values.
inline std::shared_ptr<const Dataset> samples_to_gather(const Shape& sample, DType dtype) {
  const Tensor x = Tensor::empty(sample.inserted(0, kGatherSamples), dtype);
  Random random{9};
  for (i64 i = 0; i < x.elements(); ++i) {
    const i64 value = random.below(256);
    if (dtype == DType::uint8) x.data<u8>()[i] = static_cast<u8>(value);
    else x.data<float>()[i] = value < 32 ? -0.0F : static_cast<float>(value % 128) / 96 - 0.5F;
  }
  std::vector<i64> labels;
  for (i64 i = 0; i < kGatherSamples; ++i) labels.push_back(i * 7 % 4);
  DatasetInfo info;
  info.name = "pictures";
  info.classes = 4;
  return std::make_shared<TensorDataset>(info, x, Tensor::copy_of(labels, {kGatherSamples}));
}

struct GatherCase {
  std::string name;
  Shape sample;
  std::vector<AugmentationRecipe> augment = {};
  MixRecipe mix = {};
  DType dtype = DType::uint8;
};

inline std::vector<GatherCase> gather_cases() {
  const Shape color{6, 7, 3}, grey{5, 8, 1}, pairs{4, 6, 2};
  constexpr auto kVertical = FlipDirection::vertical;
  constexpr auto kReflect = Padding::reflect;
  const std::vector<AugmentationRecipe> usual{crop({.padding = 2}), flip(), cutout({.size = 3})};
  return {
      {"flip", color, {flip()}},
      {"flip of pairs", pairs, {flip()}},
      {"flip, vertical", grey, {flip({.direction = kVertical})}},
      {"flip, always", color, {flip({.probability = 1})}},
      {"crop", color, {crop({.padding = 3})}},
      {"crop far outside", grey, {crop({.padding = 12})}},
      {"crop, reflected", color, {crop({.padding = 4, .mode = kReflect})}},
      {"crop of a part", color, {crop({.size = {4, 3}})}},
      {"crop that grows", grey, {crop({.padding = 3, .size = {9, 13}})}},
      {"crop that grows, reflected",
       grey,
       {crop({.padding = 4, .mode = kReflect, .size = {12, 9}})}},
      {"cutout", color, {cutout({.size = 3})}},
      {"cutout of all", grey, {cutout({.size = 100})}},
      {"the usual list", color, usual},
      {"a long list",
       color,
       {cutout({.size = 2}), crop({.padding = 1, .size = {7, 4}}), flip({.direction = kVertical}),
        crop({.padding = 2, .mode = kReflect}), flip(), flip(), cutout({.size = 1}),
        crop({.size = {5, 3}}), flip({.probability = 0.2})}},
      {"mixup", color, {}, mixup({.alpha = 0.4})},
      {"mixup of half", grey, {}, mixup({.probability = 0.5})},
      {"mixup of pictures in f32", color, {}, mixup(), DType::f32},
      {"mixup of vectors", {11}, {}, mixup(), DType::f32},
      {"mixup of scalars", {}, {}, mixup(), DType::f32},
      {"mixup of bytes that are no pictures", {3, 5}, {}, mixup()},
      {"cutmix", color, {}, cutmix()},
      {"cutmix of half", grey, {}, cutmix({.probability = 0.5})},
      {"cutmix of pictures in f32", pairs, {}, cutmix({.alpha = 3}), DType::f32},
      {"the usual list and mixup", color, usual, mixup()},
      {"the usual list and cutmix", color, usual, cutmix()},
      {"another shape and cutmix", grey, {crop({.size = {3, 4}})}, cutmix()},
  };
}

// All batches of the rest of an epoch, gathered on the dataset's device.
inline std::vector<Batch> gathered_epoch(Loader& loader) {
  const ResidentGather gather(loader);
  std::vector<Batch> all;
  for (const auto& [x, y] : loader) {
    const Tensor rows = x.to(as_resident(loader.dataset())->samples().device());
    const Batch batch = gather(rows);
    all.push_back({batch.x.to(Cpu{}), batch.y.to(Cpu{})});
    EXPECT_EQ(testing::difference_in_bytes(y, all.back().y), "") << "the host's targets";
    const i64 count = x.size(0);
    const Batch part = gather(rows.slice(1, count));
    EXPECT_EQ(testing::difference_in_bytes(part.x.to(Cpu{}), all.back().x.slice(1, count)), "")
        << "a part of a batch";
    EXPECT_EQ(testing::difference_in_bytes(part.y.to(Cpu{}), all.back().y.slice(1, count)), "")
        << "a part of a batch";
  }
  return all;
}

inline std::vector<Batch> host_epoch(Loader& loader) {
  std::vector<Batch> all;
  for (const auto& [x, y] : loader) all.push_back({x, y});
  return all;
}

inline void expect_equal_batches(const std::vector<Batch>& got, const std::vector<Batch>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(testing::difference_in_bytes(got[i].x, wanted[i].x), "") << "x of batch " << i;
    EXPECT_EQ(testing::difference_in_bytes(got[i].y, wanted[i].y), "") << "y of batch " << i;
  }
}

// Three epochs, and the rest of one from its middle.
inline void expect_the_hosts_batches(const GatherCase& of, const Device& device) {
  const std::shared_ptr<const Dataset> set = samples_to_gather(of.sample, of.dtype);
  const auto resident = std::make_shared<ResidentDataset>(*set, device);
  for (const bool shuffle : {false, true}) {
    const LoaderOptions options{.batch_size = kGatherBatch,
                                .shuffle = shuffle,
                                .seed = 8,
                                .workers = shuffle ? 2 : 0,
                                .augment = of.augment,
                                .mix = of.mix};
    LoaderOptions plain = options;
    plain.augment = {};
    plain.mix = {};
    Loader host(set, options), here(resident, options), unchanged(set, plain);
    i64 changed = 0;
    for (int epoch = 0; epoch < 3; ++epoch) {
      const std::vector<Batch> wanted = host_epoch(host), stored = host_epoch(unchanged);
      expect_equal_batches(gathered_epoch(here), wanted);
      for (std::size_t i = 0; i < wanted.size(); ++i)
        changed += testing::difference_in_bytes(wanted[i].x, stored[i].x).empty() ? 0 : 1;
    }
    EXPECT_GT(changed, 3) << "of 15 batches";
    host.set_position({1, 3});
    here.set_position({1, 3});
    expect_equal_batches(gathered_epoch(here), host_epoch(host));
  }
}

}  // namespace weft::data
