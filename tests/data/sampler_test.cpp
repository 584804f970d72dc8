// SPDX-License-Identifier: Apache-2.0
// Samplers, and samples that cannot be read.
#include "weft/data/sampler.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <numeric>

#include <gtest/gtest.h>

#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/data/normalize.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/data/temp_folder.h"

namespace weft::data {
namespace {

std::vector<i64> all_of(const Epoch& epoch) {
  std::vector<i64> all;
  for (const auto& batch : epoch) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}
std::vector<i64> sorted(std::vector<i64> values) {
  std::sort(values.begin(), values.end());
  return values;
}
std::vector<i64> counted(i64 count) {
  std::vector<i64> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), i64{0});
  return all;
}

TEST(Samplers, GiveTheSameOrderWithAnyWorkersAndWhereALoaderGoesOn) {
  const Numbers set{40};
  for (const SamplerRecipe& sampler :
       {sequential(), shuffled(), weighted(), subset({.indices = {7, 3, 9, 30, 31, 2, 5, 6}})}) {
    SCOPED_TRACE(sampler.name());
    const auto epochs = [&](i64 workers, LoaderPosition from = {}) {
      Loader loader(set, {.batch_size = 3, .sampler = sampler, .seed = 5, .workers = workers});
      loader.set_position(from);
      Epoch all = epoch_of(loader);
      for (auto& batch : epoch_of(loader)) all.push_back(std::move(batch));
      return all;
    };
    const Epoch wanted = epochs(0);
    EXPECT_EQ(epochs(1), wanted);
    EXPECT_EQ(epochs(8), wanted);
    EXPECT_EQ(epochs(2, {0, 2}), Epoch(wanted.begin() + 2, wanted.end()));
    const std::size_t half = wanted.size() / 2;
    const Epoch first(wanted.begin(), wanted.begin() + static_cast<i64>(half)),
        second(wanted.begin() + static_cast<i64>(half), wanted.end());
    EXPECT_EQ(first != second, sampler.name() != "sequential");
  }
}

TEST(Samplers, ShuffledIsTheLoadersShuffle) {
  const Numbers set{20};
  Loader by_name{set, {.batch_size = 6, .sampler = shuffled(), .seed = 3}};
  Loader by_key{set, {.batch_size = 6, .shuffle = true, .seed = 3}};
  const Epoch epoch = epoch_of(by_name);
  EXPECT_EQ(epoch, epoch_of(by_key));
  EXPECT_EQ(sorted(all_of(epoch)), counted(20));
}

TEST(Samplers, WeightedMakesClassesEquallyOften) {
  // 30 samples of class 0, and 2 of each other class.
  class Uneven : public Numbers {
   public:
    Uneven() : Numbers(42) {}
    void read(i64 index, void* sample, void* target) const override {
      Numbers::read(index, sample, target);
      const i64 label = index < 30 ? 0 : (index - 30) / 2 + 1;
      std::memcpy(target, &label, sizeof label);
    }
  } set;
  const auto counts = [&](const WeightedOptions& options) {
    Loader loader(set, {.batch_size = 7, .sampler = weighted(options), .seed = 1});
    std::map<i64, i64> seen;
    for (int epoch = 0; epoch < 50; ++epoch)
      for (auto& [x, y] : loader)
        for (const i64 label : y.to_vector<i64>()) ++seen[label];
    return seen;
  };
  const auto equal = counts({});
  ASSERT_EQ(equal.size(), 7u);
  for (const auto& [label, count] : equal) EXPECT_NEAR(count, 300, 90) << label;
  const auto chosen = counts({.weights = {0, 0, 0, 1, 0, 0, 3}, .samples = 14});
  ASSERT_EQ(chosen.size(), 2u);
  EXPECT_EQ(chosen.at(3) + chosen.at(6), 50 * 14);
  EXPECT_NEAR(chosen.at(6), 3 * chosen.at(3), 150);
}

TEST(Samplers, RefuseWhatDoesNotFit) {
  const Numbers set{10};
  const auto error = [&](const SamplerRecipe& sampler, i64 batch_size = 2) {
    return user_error_of([&] { Loader{set, {.batch_size = batch_size, .sampler = sampler}}; });
  };
  EXPECT_EQ(error(weighted({.weights = {1, 2}})),
            "sampler: 2 weights for numbers, which has 7 classes; one per class is required");
  EXPECT_NE(error(weighted({.weights = {0, 0, 0, 0, 0, 0, 0}})).find("a weight above 0"),
            std::string::npos);
  EXPECT_EQ(error(subset({.indices = {10}})), "sampler: index 10 of numbers; 0 to 9 is required");
  EXPECT_NE(error(subset({.indices = {1}})).find("has 1 sample;"), std::string::npos);
  EXPECT_NE(user_error_of([] { subset({}); }).find("at least one index"), std::string::npos);
}

class BadSample : public ::testing::Test {
 protected:
  BadSample() {
    set_log_sink([this](LogLevel level, std::string_view text) {
      if (level == LogLevel::warning) warnings_.emplace_back(text);
    });
  }
  ~BadSample() override { set_log_sink({}); }

  static void fail_for_every_fifth(i64 index) {
    if (index % 5 == 3) throw UserError("made up");
  }
  Numbers set_{40, fail_for_every_fifth};
  std::vector<std::string> warnings_;
};

// Another sample takes the place of one that cannot be read: the batch stays whole, and is the same
// with any number of workers.
TEST_F(BadSample, IsSkippedAndNamedOnce) {
  const auto epochs = [&](i64 workers, LoaderPosition from = {}) {
    Loader loader(set_, {.batch_size = 8,
                         .shuffle = true,
                         .seed = 2,
                         .workers = workers,
                         .bad_samples = BadSamples::skip});
    loader.set_position(from);
    Epoch all = epoch_of(loader);
    for (auto& batch : epoch_of(loader)) all.push_back(std::move(batch));
    return all;
  };
  const Epoch wanted = epochs(0);
  EXPECT_EQ(warnings_.size(), 8u);
  EXPECT_EQ(warnings_.front().find("loader: sample "), 0u) << warnings_.front();
  EXPECT_NE(
      warnings_.back().find("of numbers (train): made up; another sample takes its place (8 of "
                            "40 so far)"),
      std::string::npos)
      << warnings_.back();
  ASSERT_EQ(wanted.size(), 10u);
  for (const auto& batch : wanted) {
    EXPECT_EQ(batch.size(), 8u);
    for (const i64 index : batch) EXPECT_NE(index % 5, 3);
  }
  EXPECT_EQ(epochs(4), wanted);
  EXPECT_EQ(epochs(8, {0, 3}), Epoch(wanted.begin() + 3, wanted.end()));
  // The good samples of the first epoch are where they are without bad ones.
  const Numbers good{40};
  Loader loader(good, {.batch_size = 8, .shuffle = true, .seed = 2});
  const std::vector<i64> before = all_of(epoch_of(loader)), now = all_of(wanted);
  for (std::size_t i = 0; i < before.size(); ++i)
    if (before[i] % 5 != 3) {
      EXPECT_EQ(now[i], before[i]);
    }
}

TEST_F(BadSample, IsAnErrorUnlessItIsSkipped) {
  Loader loader(set_, {.batch_size = 8});
  EXPECT_EQ(user_error_of([&] { epoch_of(loader); }),
            "loader: sample 3 of numbers (train): made up");
  const Numbers none{4, [](i64) { throw UserError("made up"); }};
  Loader all_bad(none, {.batch_size = 2, .bad_samples = BadSamples::skip});
  EXPECT_NE(user_error_of([&] { epoch_of(all_bad); }).find("100 samples in a row cannot be read"),
            std::string::npos);
  // An error of the program is none of the sample.
  const Numbers broken{4, [](i64) { throw std::runtime_error("a bug"); }};
  Loader loader_of_broken(broken, {.batch_size = 2, .bad_samples = BadSamples::skip});
  EXPECT_THROW(epoch_of(loader_of_broken), InternalError);
}

TEST_F(BadSample, IsLeftOutOfStatistics) {
  EXPECT_THROW(statistics_of(set_), UserError);
  double sum = 0;
  for (i64 i = 0; i < 40; ++i) sum += i % 5 == 3 ? 0 : static_cast<double>(i);
  EXPECT_NEAR(statistics_of(set_, BadSamples::skip).mean[0], sum / 32, 1e-9);
  const Numbers none{4, [](i64) { throw UserError("made up"); }};
  EXPECT_THROW(statistics_of(none, BadSamples::skip), UserError);
  const Numbers unreadable{4, [](i64 i) {
                             if (i == 1) throw IoError("made up", EIO);
                           }};
  EXPECT_THROW(statistics_of(unreadable), IoError);
  EXPECT_NEAR(statistics_of(unreadable, BadSamples::skip).mean[0], (0.0 + 2 + 3) / 3, 1e-9);
}

}  // namespace
}  // namespace weft::data
