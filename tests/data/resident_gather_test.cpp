// SPDX-License-Identifier: Apache-2.0
#include "weft/data/resident_gather.h"

#include <set>

#include "weft/tests/data/gather_cases.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

using test_support::message_of;

TEST(ResidentGather, GivesTheLoadersAugmentedAndMixedBatches) {
  for (const GatherCase& of : gather_cases()) {
    SCOPED_TRACE(of.name);
    expect_the_hosts_batches(of, Cpu{});
  }
}

TEST(ResidentGather, EachKindThatADeviceCanApplyIsACase) {
  std::set<std::string> cases;
  for (const GatherCase& of : gather_cases()) {
    for (const AugmentationRecipe& recipe : of.augment) cases.insert(recipe.name());
    if (of.mix) cases.insert(of.mix.name());
  }
  EXPECT_EQ(cases, (std::set<std::string>{"crop", "cutmix", "cutout", "flip", "mixup"}));
  const DatasetInfo info = samples_to_gather({6, 7, 3}, DType::uint8)->info();
  for (const std::string& name : Registry<Augmentation>::instance().names())
    EXPECT_EQ(prepared_on_host({.augment = {AugmentationRecipe::of(name)}}, info).empty(),
              cases.contains(name))
        << name;
  for (const std::string& name : Registry<Mix>::instance().names())
    EXPECT_EQ(prepared_on_host({.mix = MixRecipe::of(name)}, info).empty(), cases.contains(name))
        << name;
}

// A row says all about its sample, so that nothing but rows is sent for a step.
TEST(ResidentGather, ARowBeginsWithTheIndexOfItsSample) {
  const std::shared_ptr<const Dataset> set = samples_to_gather({6, 7, 3}, DType::uint8);
  const ResidentDataset resident(*set, Cpu{});
  const auto first_rows = [&](const LoaderOptions& options) {
    Loader loader(resident, options);
    EXPECT_EQ(loader.sample_shape(), (Shape{6, 7, 3}));
    EXPECT_EQ(loader.info().sample_dtype, DType::int64);
    loader.start_epoch();
    Tensor x = loader.next()->x;
    EXPECT_EQ(x.shape(), loader.info().sample.inserted(0, 4));
    return x;
  };
  EXPECT_EQ(first_rows({.batch_size = 4}).shape(), Shape{4});
  const Tensor augmented = first_rows({.batch_size = 4, .augment = {flip(), cutout()}});
  EXPECT_EQ(augmented.shape(), (Shape{4, 1 + 2 * 3}));
  const Tensor mixed = first_rows({.batch_size = 4, .augment = {flip()}, .mix = mixup()});
  EXPECT_EQ(mixed.shape(), (Shape{4, 2 * (1 + 3) + 4}));
  for (const Tensor& rows : {augmented, mixed})
    for (i64 i = 0; i < 4; ++i) EXPECT_EQ(rows.data<i64>()[i * rows.size(1)], i);
}

TEST(ResidentGather, OfSamplesOnTheHostGathersNothing) {
  Loader loader(samples_to_gather({6, 7, 3}, DType::uint8), {.batch_size = 4, .augment = {flip()}});
  EXPECT_FALSE(ResidentGather(loader).gathers());
  EXPECT_FALSE(ResidentGather().gathers());
  EXPECT_TRUE(ResidentGather(loader).is_like(ResidentGather()));
}

TEST(ResidentGather, AGraphIsValidForTheSameSamplesInTheSameShape) {
  const std::shared_ptr<const Dataset> set = samples_to_gather({6, 7, 3}, DType::uint8);
  const ResidentDataset resident(*set, Cpu{}), other(*set, Cpu{});
  const auto gather_of = [](const Dataset& dataset, std::vector<AugmentationRecipe> augment) {
    return ResidentGather(Loader(dataset, {.batch_size = 4, .augment = std::move(augment)}));
  };
  const ResidentGather flipped = gather_of(resident, {flip()});
  EXPECT_TRUE(flipped.is_like(gather_of(resident, {crop({.padding = 2})})));
  EXPECT_FALSE(flipped.is_like(gather_of(resident, {crop({.size = {4, 4}})})));
  EXPECT_FALSE(flipped.is_like(gather_of(other, {flip()})));
}

TEST(ResidentGather, RefusesWhatOnlyTheHostCanApply) {
  const std::shared_ptr<const Dataset> set = samples_to_gather({6, 7, 3}, DType::uint8);
  const ResidentDataset resident(*set, Cpu{});
  const auto refusal = [&](const LoaderOptions& options) {
    return message_of([&] { const Loader loader(resident, options); });
  };
  EXPECT_EQ(refusal({.batch_size = 2, .augment = {flip(), affine(), color_jitter()}}),
            "loader: data.augment: affine given for samples of pictures that lie on a device; one "
            "that a device can apply is required (flip, crop, cutout, mixup, cutmix), or samples "
            "on the host");
  EXPECT_NE(refusal({.batch_size = 2, .augment = {resized_crop()}}), "no error");
  EXPECT_NE(refusal({.batch_size = 2, .augment = {color_jitter()}}), "no error");
  EXPECT_EQ(refusal({.batch_size = 2, .augment = {flip()}, .mix = cutmix()}), "no error");
}

TEST(ResidentGather, RefusesRowsOfAnotherLoader) {
  const std::shared_ptr<const Dataset> set = samples_to_gather({6, 7, 3}, DType::uint8);
  const ResidentDataset resident(*set, Cpu{});
  const ResidentGather gather(Loader(resident, {.batch_size = 2, .augment = {flip()}}));
  EXPECT_EQ(message_of([&] {
              gather(Tensor::zeros({2, 6}, DType::int64));
            }),
            "gather: rows are int64 (2, 6); int64 (samples, 4) are required, as the loader gives "
            "them");
}

}  // namespace
}  // namespace weft::data
