// SPDX-License-Identifier: Apache-2.0
#include "weft/data/loader.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <thread>

#include <gtest/gtest.h>

#include "weft/data/random.h"
#include "weft/device/allocator.h"
#include "weft/testing/heap_counter.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

TEST(Loader, GoesOnFromItsState) {
  const Numbers set{10};
  const LoaderOptions options{.batch_size = 2, .shuffle = true, .seed = 3};
  Loader first{set, options}, second{set, options};
  first.set_epoch(4);
  first.start_epoch();
  first.next();
  first.next();
  load_state(second, save_state(first), "loader");
  EXPECT_EQ(second.position(), (LoaderPosition{4, 2}));
  second.start_epoch();
  EXPECT_EQ(first.next()->x.to_vector<float>(), second.next()->x.to_vector<float>());
  Loader other{set, {.batch_size = 5, .shuffle = true, .seed = 3}};
  EXPECT_THROW(load_state(other, save_state(first), "loader"), UserError);
  EXPECT_EQ(other.position(), LoaderPosition{});
}

TEST(Loader, ReadsInOrderWithAShortLastBatch) {
  const Numbers set{10};
  Loader loader{set, {.batch_size = 4}};
  EXPECT_EQ(loader.batches_per_epoch(), 3);
  EXPECT_EQ(loader.samples_per_epoch(), 10);
  EXPECT_EQ(epoch_of(loader), (Epoch{{0, 1, 2, 3}, {4, 5, 6, 7}, {8, 9}}));
}

TEST(Loader, CanDropTheShortBatch) {
  const Numbers set{10};
  Loader loader{set, {.batch_size = 4, .drop_last = true}};
  EXPECT_EQ(loader.batches_per_epoch(), 2);
  EXPECT_EQ(loader.samples_per_epoch(), 8);
  EXPECT_EQ(epoch_of(loader), (Epoch{{0, 1, 2, 3}, {4, 5, 6, 7}}));
}

TEST(Loader, GivesInputsAndTargets) {
  const Numbers set{6};
  Loader loader{set, {.batch_size = 3}};
  i64 batches = 0;
  for (auto& [x, y] : loader) {
    EXPECT_EQ(x.shape(), (Shape{3, 2}));
    EXPECT_EQ(x.dtype(), DType::f32);
    EXPECT_EQ(y.shape(), Shape{3});
    EXPECT_EQ(y.dtype(), DType::int64);
    ++batches;
  }
  EXPECT_EQ(batches, 2);
}

TEST(Loader, ShufflesBySeedAndEpoch) {
  const Numbers set{100};
  const LoaderOptions options{.batch_size = 8, .shuffle = true, .seed = 5};
  Loader loader{set, options};
  const auto first = epoch_of(loader), second = epoch_of(loader);
  for (const auto& epoch : {first, second}) {
    auto all = joined(epoch);
    EXPECT_NE(all, counting(100));
    std::sort(all.begin(), all.end());
    EXPECT_EQ(all, counting(100));
  }
  EXPECT_NE(first, second);

  Loader other{set, options};
  other.set_epoch(1);
  EXPECT_EQ(epoch_of(other), second);
  other.set_epoch(0);
  EXPECT_EQ(epoch_of(other), first);

  Loader seeded{set, {.batch_size = 8, .shuffle = true, .seed = 6}};
  EXPECT_NE(epoch_of(seeded), first);
}

TEST(Loader, EveryOrderIsAsLikelyAsAnother) {
  const Numbers set{4};
  Loader loader{set, {.batch_size = 4, .shuffle = true, .workers = 0}};
  std::map<std::vector<i64>, int> seen;
  constexpr int kEpochs = 24 * 200;
  for (int epoch = 0; epoch < kEpochs; ++epoch) ++seen[joined(epoch_of(loader))];
  EXPECT_EQ(seen.size(), 24u);
  double chi_squared = 0;
  for (const auto& [order, count] : seen) chi_squared += (count - 200.0) * (count - 200.0) / 200.0;
  EXPECT_LT(chi_squared, 60.0);  // with 23 degrees of freedom, once in 30,000 seeds
}

TEST(Loader, WorkersAndPrefetchChangeNothing) {
  const Numbers set{203, [](i64 index) {
                      if (mix(static_cast<u64>(index)) % 16 == 0)
                        std::this_thread::sleep_for(std::chrono::microseconds(300));
                    }};
  Loader plain{set, {.batch_size = 16, .shuffle = true, .seed = 3, .workers = 0}};
  const auto first = epoch_of(plain), second = epoch_of(plain);
  for (const i64 workers : {1, 2, 4})
    for (const i64 prefetch : {0, 1, 2, 7}) {
      Loader loader{
          set,
          {.batch_size = 16, .shuffle = true, .seed = 3, .prefetch = prefetch, .workers = workers}};
      EXPECT_EQ(epoch_of(loader), first) << workers << ' ' << prefetch;
      EXPECT_EQ(epoch_of(loader), second) << workers << ' ' << prefetch;
    }
}

TEST(Loader, PreparesBatchesAheadAndNotFurther) {
  std::atomic<i64> most{-1};
  const Numbers set{100, [&](i64 index) { most = std::max(most.load(), index); }};
  Loader loader{set, {.batch_size = 10, .prefetch = 3}};
  loader.start_epoch();
  loader.next();
  for (int i = 0; i < 2000 && most < 39; ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(most, 39);  // the batch in use and three more
}

TEST(Loader, TensorsThatAreKeptAreNotOverwritten) {
  const Numbers set{40};
  Loader loader{set, {.batch_size = 4}};
  std::vector<Batch> kept;
  for (auto& batch : loader) kept.push_back(batch);
  for (std::size_t i = 0; i < kept.size(); ++i)
    EXPECT_EQ(samples_of(kept[i])[0], static_cast<i64>(4 * i));
}

TEST(Loader, WhatTheCallerDoesToABatchStaysThere) {
  const Numbers set{40};
  Loader loader{set, {.batch_size = 4}};
  for (auto& [x, y] : loader) x = y = Tensor::zeros({1});
  EXPECT_EQ(joined(epoch_of(loader)), counting(40));
}

TEST(Loader, AllocatesNothingOnceItRuns) {
  const Numbers set{1000};
  for (const i64 workers : {0, 1, 3}) {
    Loader loader{set, {.batch_size = 16, .shuffle = true, .workers = workers}};
    const auto run_epoch = [&] {
      loader.start_epoch();
      while (loader.next() != nullptr) {
      }
    };
    run_epoch();
    const auto before = allocator_counters(Cpu{}).allocations;
    const i64 heap_before = testing::heap_calls();
    run_epoch();
    EXPECT_EQ(allocator_counters(Cpu{}).allocations, before) << workers;
    EXPECT_EQ(testing::heap_calls(), heap_before) << workers;
  }
}

TEST(Loader, GivesItsMemoryBack) {
  const Numbers set{100};
  const auto before = allocator_counters(Cpu{}).bytes_in_use;
  {
    Loader loader{set, {.batch_size = 10}};
    for (auto& batch : loader)
      if (samples_of(batch)[0] == 30) break;
  }
  EXPECT_EQ(allocator_counters(Cpu{}).bytes_in_use, before);
}

TEST(Loader, CanBeLeftInTheMiddle) {
  const Numbers set{1000};
  for (const i64 workers : {0, 1, 4})
    for (int batches : {0, 1, 5}) {
      Loader loader{set, {.batch_size = 10, .shuffle = true, .workers = workers}};
      Loader whole{set, {.batch_size = 10, .shuffle = true}};
      whole.set_epoch(1);
      loader.start_epoch();
      for (int i = 0; i < batches; ++i) loader.next();
      EXPECT_EQ(epoch_of(loader), epoch_of(whole));  // the next loop is the next epoch
    }
}

TEST(Loader, ContinuesWhereItWas) {
  const Numbers set{100};
  const LoaderOptions options{.batch_size = 8, .shuffle = true, .seed = 9, .workers = 2};
  Loader loader{set, options};
  loader.set_epoch(3);
  const auto whole = epoch_of(loader), next = epoch_of(loader);
  for (i64 batch : {0, 1, 6, 12, 13}) {
    Loader resumed{set, options};
    resumed.set_position({3, batch});
    EXPECT_EQ(resumed.position(), (LoaderPosition{3, batch}));
    EXPECT_EQ(epoch_of(resumed), Epoch(whole.begin() + batch, whole.end()));
    EXPECT_EQ(epoch_of(resumed), next);
  }
}

TEST(Loader, TellsItsPosition) {
  const Numbers set{20};
  Loader loader{set, {.batch_size = 10}};
  EXPECT_EQ(loader.position(), (LoaderPosition{0, 0}));
  i64 batch = 0;
  for ([[maybe_unused]] auto& b : loader)
    EXPECT_EQ(loader.position(), (LoaderPosition{0, ++batch}));
  EXPECT_EQ(loader.position(), (LoaderPosition{1, 0}));
  EXPECT_EQ(loader.next(), nullptr);  // no epoch is running
  loader.start_epoch();
  loader.next();
  EXPECT_EQ(loader.position(), (LoaderPosition{1, 1}));
  loader.set_epoch(7);
  EXPECT_EQ(loader.next(), nullptr);
  EXPECT_EQ(loader.position(), (LoaderPosition{7, 0}));
  EXPECT_EQ(
      user_error_of([&] {
        loader.set_position({0, 3});
      }),
      "loader: position is epoch 0, batch 3; an epoch from 0 and a batch from 0 to 2 are required");
}

TEST(Loader, CanBeMoved) {
  const Numbers set{20};
  Loader first{set, {.batch_size = 10}};
  first.start_epoch();
  first.next();
  Loader second = std::move(first);
  EXPECT_EQ(samples_of(*second.next())[0], 10);
}

TEST(Loader, OwnsADatasetThatIsShared) {
  Loader loader{std::make_shared<Numbers>(20), {.batch_size = 10}};
  EXPECT_EQ(joined(epoch_of(loader)), counting(20));
}

TEST(Loader, InOrderABatchMayBeLargerThanTheDataset) {
  const Numbers set{10};
  Loader loader{set, {.batch_size = 1000}};
  EXPECT_EQ(epoch_of(loader), (Epoch{counting(10)}));
}

TEST(Loader, MeasuresTheWaiting) {
  const Numbers slow{4, [](i64) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); }};
  Loader loader{slow, {.batch_size = 2}};
  epoch_of(loader);
  EXPECT_GT(loader.seconds_waited(), 0.005);
}

}  // namespace
}  // namespace weft::data
