// SPDX-License-Identifier: Apache-2.0
// Loaders of several ranks: their batches, joined, are those of one process, byte for byte.
#include <algorithm>
#include <cstring>
#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/data/stream/stream_dataset.h"
#include "weft/device/allocator.h"
#include "weft/tests/data/gather_cases.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

using test_support::message_of;
using testing::difference_in_bytes;

// The rest of an epoch of one process, and of each rank.
class RanksOfALoader {
 public:
  RanksOfALoader(const Dataset& set, LoaderOptions options, i64 ranks) : whole_(set, options) {
    for (i64 rank = 0; rank < ranks; ++rank) {
      options.part = {rank, ranks};
      options.workers = rank % 3;
      ranks_.push_back(std::make_unique<Loader>(set, options));
    }
  }

  void expect_one_epoch() {
    whole_.start_epoch();
    for (const auto& rank : ranks_) {
      EXPECT_EQ(rank->batches_per_epoch(), whole_.batches_per_epoch());
      EXPECT_EQ(rank->samples_per_epoch(), whole_.samples_per_epoch());
      rank->start_epoch();
    }
    for (i64 batch = 0; const Batch* wanted = whole_.next(); ++batch) {
      SCOPED_TRACE("batch " + std::to_string(batch));
      expect_shares(*wanted);
    }
    for (const auto& rank : ranks_) {
      EXPECT_EQ(rank->next(), nullptr);
      EXPECT_EQ(rank->position(), whole_.position());
    }
  }

  // All go on in the middle of an epoch, from what a checkpoint of one of the ranks holds.
  void resume_in(i64 epoch) {
    const LoaderPosition position{epoch, whole_.batches_per_epoch() / 2};
    ranks_.back()->set_position(position);
    const auto saved = save_state(*ranks_.back());
    load_state(whole_, saved, "loader");
    for (const auto& rank : ranks_) load_state(*rank, saved, "loader");
    EXPECT_EQ(whole_.position(), position);
  }

 private:
  void expect_shares(const Batch& wanted) {
    const i64 all = wanted.x.size(0), ranks = std::ssize(ranks_);
    EXPECT_EQ(wanted.share.first, 0);
    EXPECT_EQ(wanted.share.all, all);
    EXPECT_FALSE(wanted.share.is_padding);
    i64 end = 0;
    for (i64 rank = 0; rank < ranks; ++rank) {
      const Batch* got = ranks_[static_cast<std::size_t>(rank)]->next();
      ASSERT_NE(got, nullptr);
      const i64 count = got->x.size(0), first = got->share.first;
      EXPECT_EQ(got->share.all, all);
      EXPECT_EQ(got->share.is_padding, all * (rank + 1) / ranks == all * rank / ranks);
      if (got->share.is_padding) {
        EXPECT_EQ(count, 1);
      } else {
        EXPECT_EQ(first, end);
        EXPECT_TRUE(count == all / ranks || count == all / ranks + 1) << count << " of " << all;
        end += count;
      }
      ASSERT_TRUE(first >= 0 && first + count <= all);
      EXPECT_EQ(difference_in_bytes(got->x, wanted.x.slice(first, first + count)), "");
      EXPECT_EQ(difference_in_bytes(got->y, wanted.y.slice(first, first + count)), "");
      const auto more = got->more.leaves(), wanted_more = wanted.more.leaves();
      ASSERT_EQ(more.size(), wanted_more.size());
      for (std::size_t i = 0; i < more.size(); ++i)
        EXPECT_EQ(
            difference_in_bytes(more[i].second, wanted_more[i].second.slice(first, first + count)),
            "");
    }
    EXPECT_EQ(end, all) << "each sample once";
  }

  Loader whole_;
  std::vector<std::unique_ptr<Loader>> ranks_;
};

// Two epochs, and the rest of one that a checkpoint was made in.
void expect_the_batches_of_one_process(const Dataset& set, const LoaderOptions& options,
                                       const std::vector<i64>& numbers_of_ranks = {1, 2, 3, 7}) {
  for (const i64 ranks : numbers_of_ranks) {
    SCOPED_TRACE(std::to_string(ranks) + " ranks");
    RanksOfALoader loaders(set, options, ranks);
    loaders.expect_one_epoch();
    loaders.expect_one_epoch();
    loaders.resume_in(3);
    loaders.expect_one_epoch();
  }
}

std::shared_ptr<const Dataset> pictures_for_ranks() {
  return samples_to_gather({6, 7, 3}, DType::uint8);  // 23
}

TEST(LoaderPart, SharesEachBatch) {
  const Numbers set{23};
  for (const i64 batch_size : {1, 2, 5, 8, 23})
    expect_the_batches_of_one_process(set, {.batch_size = batch_size, .shuffle = batch_size < 8},
                                      {1, 2, 3, 4, 9, 30});
}

TEST(LoaderPart, NamesTheSamplesOfItsRank) {
  const Numbers set{14};
  const auto epoch = [&](i64 rank) {
    Loader loader(set, {.batch_size = 6, .part = {rank, 4}});
    return epoch_of(loader);
  };
  EXPECT_EQ(epoch(0), (Epoch{{0}, {6}, {12}}));  // the last one is padding
  EXPECT_EQ(epoch(1), (Epoch{{1, 2}, {7, 8}, {12}}));
  EXPECT_EQ(epoch(2), (Epoch{{3}, {9}, {12}}));  // padding
  EXPECT_EQ(epoch(3), (Epoch{{4, 5}, {10, 11}, {13}}));
}

TEST(LoaderPart, WithEachSamplerAndDropLast) {
  const Numbers set{31};
  for (const bool drop_last : {false, true})
    for (const SamplerRecipe& sampler :
         {sequential(), shuffled(), weighted({.samples = 40}),
          subset({.indices = {7, 3, 9, 30, 29, 2, 5, 6, 11, 12, 13}})}) {
      SCOPED_TRACE(sampler.name());
      expect_the_batches_of_one_process(
          set, {.batch_size = 5, .sampler = sampler, .seed = 4, .drop_last = drop_last});
    }
}

TEST(LoaderPart, WithEachAugmentation) {
  const std::vector<AugmentationRecipe> all{flip(),
                                            crop({.padding = 2}),
                                            resized_crop(),
                                            affine({.degrees = 20, .translate = 0.2}),
                                            color_jitter({.brightness = 0.4, .hue = 0.1}),
                                            cutout({.size = 3})};
  std::set<std::string> names;
  for (const AugmentationRecipe& recipe : all) {
    SCOPED_TRACE(recipe.name());
    names.insert(recipe.name());
    expect_the_batches_of_one_process(
        *pictures_for_ranks(),
        {.batch_size = 6, .shuffle = true, .seed = 2, .augment = {recipe, flip()}}, {2, 5});
  }
  for (const std::string& name : Registry<Augmentation>::instance().names())
    EXPECT_TRUE(names.contains(name)) << name;
}

TEST(LoaderPart, MixesTheBatchOfAllRanks) {
  for (const MixRecipe& recipe : {mixup(), cutmix(), mixup({.probability = 0.5})}) {
    SCOPED_TRACE(recipe.name());
    expect_the_batches_of_one_process(
        *pictures_for_ranks(),
        {.batch_size = 6, .shuffle = true, .augment = {flip()}, .mix = recipe});
  }
}

TEST(LoaderPart, OfSamplesOnADevice) {
  for (const GatherCase& of : gather_cases()) {
    SCOPED_TRACE(of.name);
    const auto set = samples_to_gather(of.sample, of.dtype);
    const ResidentDataset resident(*set, Cpu{});
    const LoaderOptions options{
        .batch_size = 5, .shuffle = true, .seed = 8, .augment = of.augment, .mix = of.mix};
    expect_the_batches_of_one_process(resident, options, {3});
    for (i64 rank = 0; rank < 4; ++rank) {  // gathered, they are the samples of the host's loader
      LoaderOptions part = options;
      part.part = {rank, 4};
      Loader host(*set, part), here(resident, part);
      const ResidentGather gather(here);
      here.start_epoch();
      for (const Batch& wanted : host) {
        const Batch* rows = here.next();
        const Batch got = gather(rows->x);
        EXPECT_EQ(difference_in_bytes(got.x, wanted.x), "");
        EXPECT_EQ(difference_in_bytes(got.y, wanted.y), "");
        EXPECT_EQ(rows->share.is_padding, wanted.share.is_padding);
      }
    }
  }
}

TEST(LoaderPart, TakesTheSameSamplesInPlaceOfBadOnes) {
  const Numbers set{31, [](i64 index) {
                      if (index % 5 == 3) throw UserError("made up");
                    }};
  for (const MixRecipe& mix : {MixRecipe{}, mixup()})
    expect_the_batches_of_one_process(
        set, {.batch_size = 7, .shuffle = true, .mix = mix, .bad_samples = BadSamples::skip},
        {2, 5});
}

// Numbers with a further tensor, the index.
class NumbersAndIndex : public Numbers {
 public:
  explicit NumbersAndIndex(i64 size) : Numbers(size), info_(Numbers::info()) {
    info_.more = {{"index", TensorInfo{{1}, DType::int64}}};
  }
  const DatasetInfo& info() const override { return info_; }
  void read_more(i64 index, std::span<std::byte* const> leaves) const override {
    std::memcpy(leaves[0], &index, sizeof index);
  }

 private:
  DatasetInfo info_;
};

TEST(LoaderPart, HasTheFurtherTensorsOfItsSamples) {
  expect_the_batches_of_one_process(NumbersAndIndex{23}, {.batch_size = 5, .shuffle = true});
}

// Ranks would not save memory otherwise. A mix needs all of the batch.
TEST(LoaderPart, HasBuffersOfItsShare) {
  DatasetInfo info;
  info.name = "vectors";
  info.classes = 2;
  constexpr i64 kRow = 1 << 16;  // bytes
  const TensorDataset set(info, Tensor::zeros({64, kRow / 4}), Tensor::zeros({64}, DType::int64));
  const auto bytes = [&](Part part, const MixRecipe& mix = {}) {
    const i64 before = allocator_counters(Cpu{}).bytes_in_use;
    Loader loader(set, {.batch_size = 32, .workers = 0, .mix = mix, .part = part});
    loader.start_epoch();
    loader.next();
    return allocator_counters(Cpu{}).bytes_in_use - before;
  };
  EXPECT_GE(bytes({}), 32 * kRow);
  EXPECT_LT(bytes({1, 4}), 10 * kRow);
  EXPECT_GE(bytes({1, 4}, mixup()), 32 * kRow);
}

TEST(LoaderPart, RefusesARankThatThereIsNot) {
  const Numbers set{14};
  for (const Part part : {Part{2, 2}, Part{-1, 2}, Part{0, 0}, Part{0, -1}})
    EXPECT_EQ(message_of([&] { Loader(set, {.batch_size = 6, .part = part}); }),
              fmt::format("loader: part is rank {} of {} ranks; 1 rank or more, and a rank from 0 "
                          "to ranks - 1, are required",
                          part.rank, part.ranks));
}

TEST(LoaderPart, RefusesAStream) {
  StreamSource source;
  source.address = "unix:/tmp/never-opened";
  source.sample = {2};
  source.classes = 3;
  const StreamDataset stream(source, nullptr, 8);
  const auto refusal = [&](Part part) {
    return message_of([&] {
      Loader(stream, {.batch_size = 4, .sampler = SamplerRecipe::of("stream"), .part = part});
    });
  };
  EXPECT_EQ(refusal({1, 2}),
            "loader: a stream is given for rank 1 of 2 ranks; one process is required, because a "
            "streamed sample comes to one process only");
  EXPECT_EQ(refusal({}), "no error");
}

}  // namespace
}  // namespace weft::data
