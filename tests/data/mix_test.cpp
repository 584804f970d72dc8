// SPDX-License-Identifier: Apache-2.0
#include "weft/data/mix.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <numeric>
#include <set>

#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/tensor_dataset.h"
#include "weft/tests/data/numbers.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

using test_support::message_of;

constexpr i64 kSide = 8;

// Picture i has the class i. All its bytes are 8·i + 5 if they are `flat`, and random otherwise.
TensorDataset classes_of_pictures(i64 count, bool flat, DType dtype = DType::uint8) {
  Tensor samples = Tensor::empty({count, kSide, kSide, 3}, DType::uint8);
  Tensor labels = Tensor::empty({count}, DType::int64);
  Random random{4};
  for (i64 i = 0; i < samples.elements(); ++i)
    samples.data<u8>()[i] = static_cast<u8>(flat ? i / (samples.elements() / count) * 8 + 5
                                                 : static_cast<i64>(random.below(256)));
  std::iota(labels.values<i64>().begin(), labels.values<i64>().end(), i64{0});
  DatasetInfo info;
  info.name = "pictures";
  info.classes = count;
  return {std::move(info), dtype == DType::uint8 ? samples : samples.to(DType::f32), labels};
}

const std::vector<MixRecipe>& every_mix() {
  static const std::vector<MixRecipe> all{mixup({.alpha = 0.4}), cutmix(),
                                          mixup({.probability = 0.5})};
  return all;
}

TEST(Mix, EachRegisteredOneIsTestedBelow) {
  std::set<std::string> names;
  for (const MixRecipe& recipe : every_mix()) names.insert(recipe.name());
  names.insert("too_much_for_test");  // below
  for (const std::string& name : Registry<Mix>::instance().names())
    EXPECT_TRUE(names.contains(name)) << name;
}

// What a batch looks like depends on its samples, the seed, the epoch and its place in the epoch:
// not on workers, prefetch, or where a loader went on.
TEST(Mix, DependsOnSeedEpochAndBatchOnly) {
  const TensorDataset set = classes_of_pictures(23, false);
  for (const MixRecipe& recipe : every_mix()) {
    SCOPED_TRACE(recipe.name());
    using Seen = std::map<std::pair<i64, i64>, std::pair<std::vector<u8>, std::vector<float>>>;
    const auto seen = [&](LoaderOptions options, LoaderPosition first = {}) {
      options.mix = recipe;
      options.batch_size = 4;
      options.shuffle = true;
      Loader loader(set, options);
      loader.set_position(first);
      Seen all;
      for (i64 epoch = first.epoch; epoch < 2; ++epoch) {
        i64 batch = epoch == first.epoch ? first.batch : 0;
        for (auto& [x, y] : loader)
          all[{epoch, batch++}] = {x.to_vector<u8>(), y.to_vector<float>()};
      }
      return all;
    };
    const Seen wanted = seen({.seed = 3, .workers = 0});
    ASSERT_EQ(wanted.size(), 12u);
    EXPECT_EQ(seen({.seed = 3, .workers = 1}), wanted);
    EXPECT_EQ(seen({.seed = 3, .prefetch = 5, .workers = 8}), wanted);
    const Seen rest = seen({.seed = 3, .workers = 2}, {1, 3});
    EXPECT_EQ(rest.size(), 3u);
    for (const auto& [key, batch] : rest) EXPECT_EQ(batch, wanted.at(key));
    EXPECT_NE(seen({.seed = 4, .workers = 0}), wanted);
  }
}

// In the order of the dataset, sample i of a batch is of the class first + i. The other class in
// its target is that of its partner.
struct Mixture {
  i64 own, partner;
  double share;  // of its own
};
Mixture mixture_of(const Tensor& y, i64 row, i64 own) {
  const auto values = y.slice(row, row + 1).to_vector<float>();
  Mixture found{own, own, static_cast<double>(values[static_cast<std::size_t>(own)])};
  double sum = 0;
  for (std::size_t c = 0; c < values.size(); ++c) {
    sum += static_cast<double>(values[c]);
    if (values[c] > 0 && static_cast<i64>(c) != own) found.partner = static_cast<i64>(c);
  }
  EXPECT_NEAR(sum, 1, 1e-6);
  return found;
}

TEST(Mix, MixupIsWhatItsTargetSays) {
  for (const DType dtype : {DType::uint8, DType::f32}) {
    const TensorDataset set = classes_of_pictures(22, false, dtype);
    Loader loader(set, {.batch_size = 5, .seed = 2, .mix = mixup()});
    EXPECT_EQ(loader.info().target, Shape{22});
    EXPECT_EQ(loader.info().target_dtype, DType::f32);
    const Tensor plain = set.samples().to(DType::f32);
    const i64 size = plain.elements() / 22;
    i64 first = 0, joined_pairs = 0;
    for (auto& [x, y] : loader) {
      EXPECT_EQ(x.dtype(), dtype);
      const Tensor mixed = x.to(DType::f32);
      std::set<i64> partners;
      for (i64 i = 0; i < x.size(0); ++i) {
        const Mixture m = mixture_of(y, i, first + i);
        partners.insert(m.partner);
        joined_pairs += m.partner != m.own ? 1 : 0;
        const auto share = static_cast<float>(m.share);
        for (i64 j = 0; j < size; ++j) {
          const float wanted = share * plain.data<float>()[m.own * size + j] +
                               (1 - share) * plain.data<float>()[m.partner * size + j];
          const float got = mixed.data<float>()[i * size + j];
          ASSERT_LE(std::abs(got - wanted), dtype == DType::uint8 ? 0.501F : 1e-4F);
        }
      }
      EXPECT_EQ(static_cast<i64>(partners.size()), x.size(0)) << "each sample is a partner once";
      for (const i64 partner : partners)
        EXPECT_TRUE(partner >= first && partner < first + x.size(0));
      first += x.size(0);
    }
    EXPECT_EQ(first, 22);
    EXPECT_GT(joined_pairs, 11);
  }
}

// Flat pictures show which pixels came from where. The share in the target is the exact one of the
// area, also where the box reaches over the border.
TEST(Mix, CutMixIsWhatItsTargetSays) {
  const TensorDataset set = classes_of_pictures(24, true);
  Loader loader(set, {.batch_size = 6, .seed = 2, .mix = cutmix()});
  std::set<double> shares;
  for (i64 epoch = 0; epoch < 20; ++epoch) {
    i64 first = 0;
    for (auto& [x, y] : loader) {
      for (i64 i = 0; i < x.size(0); ++i) {
        const Mixture m = mixture_of(y, i, first + i);
        if (m.partner == m.own) continue;
        const auto pixels = x.slice(i, i + 1).to_vector<u8>();
        i64 top = kSide, bottom = 0, left = kSide, right = 0, cut = 0;
        for (i64 p = 0; p < kSide * kSide; ++p) {
          const u8 value = pixels[static_cast<std::size_t>(3 * p)];
          EXPECT_EQ(value, pixels[static_cast<std::size_t>(3 * p + 2)]);
          if (value == m.own * 8 + 5) continue;
          ASSERT_EQ(value, m.partner * 8 + 5);
          ++cut;
          top = std::min(top, p / kSide);
          bottom = std::max(bottom, p / kSide + 1);
          left = std::min(left, p % kSide);
          right = std::max(right, p % kSide + 1);
        }
        EXPECT_EQ(cut, (bottom - top) * (right - left)) << "a box";
        EXPECT_NEAR(m.share, 1 - static_cast<double>(cut) / (kSide * kSide), 1e-6);
        shares.insert(m.share);
      }
      first += x.size(0);
    }
  }
  EXPECT_GT(shares.size(), 10u);
}

TEST(Mix, SharesFollowTheBetaDistribution) {
  for (const double alpha : {0.001, 0.2, 1.0, 4.0, 1000.0}) {
    Random random{7};
    constexpr int kDraws = 20000;
    double sum = 0, squares = 0;
    i64 below_quarter = 0;
    for (int i = 0; i < kDraws; ++i) {
      const double share = draw_share({.alpha = alpha}, random);
      ASSERT_TRUE(share >= 0 && share <= 1) << share;
      sum += share;
      squares += (share - 0.5) * (share - 0.5);
      below_quarter += share < 0.25 ? 1 : 0;
    }
    EXPECT_NEAR(sum / kDraws, 0.5, 0.015) << alpha;
    const double variance = 1 / (4 * (2 * alpha + 1));
    EXPECT_NEAR(squares / kDraws, variance, 0.03 * variance + 1e-6) << alpha;
    if (alpha == 1) {
      EXPECT_NEAR(static_cast<double>(below_quarter) / kDraws, 0.25, 0.015);
    }
  }
}

TEST(Mix, LeavesAShareOfTheBatchesAsTheyAre) {
  const TensorDataset set = classes_of_pictures(24, false);
  for (const auto& [probability, least, most] : {std::tuple(0.0, 60, 60), std::tuple(0.5, 15, 45)})
    for (const MixRecipe& recipe :
         {mixup({.probability = probability}), cutmix({.probability = probability})}) {
      Loader loader(set, {.batch_size = 8, .mix = recipe});
      i64 plain = 0;
      for (i64 epoch = 0; epoch < 20; ++epoch) {
        i64 first = 0;
        for (auto& [x, y] : loader) {
          const bool same =
              x.to_vector<u8>() == set.samples().slice(first, first + x.size(0)).to_vector<u8>();
          bool one_hot = true;
          for (i64 i = 0; i < x.size(0); ++i)
            one_hot = one_hot && mixture_of(y, i, first + i).share == 1;
          EXPECT_EQ(same, one_hot);
          plain += same ? 1 : 0;
          first += x.size(0);
        }
      }
      EXPECT_GE(plain, least) << recipe.name();
      EXPECT_LE(plain, most) << recipe.name();
    }
}

TEST(Mix, TakesTheSamplesThatStandInForBadOnes) {
  const Numbers set{30, [](i64 index) {
                      if (index % 5 == 3) throw UserError("made up");
                    }};
  Loader loader(set, {.batch_size = 10,
                      .sampler = shuffled(),
                      .drop_last = true,
                      .mix = mixup(),
                      .bad_samples = BadSamples::skip});
  for (auto& [x, y] : loader) {
    EXPECT_EQ(y.shape(), (Shape{10, 7}));
    for (i64 i = 0; i < 10; ++i) {
      const auto row = y.slice(i, i + 1).to_vector<float>();
      EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0), 1, 1e-6);
      const float value = x.data<float>()[2 * i];
      EXPECT_TRUE(value >= 0 && value < 30) << value;
    }
  }
}

// Four texts of two tokens.
struct Tokens : Dataset {
  Tokens() {
    info_.name = "points";
    info_.sample = {2};
    info_.sample_dtype = DType::int64;
    info_.classes = 9;
  }
  i64 size() const override { return 4; }
  const DatasetInfo& info() const override { return info_; }
  void read(i64, void* sample, void* target) const override {
    std::memset(sample, 0, 16);
    std::memset(target, 0, 8);
  }
  DatasetInfo info_;
};

TEST(Mix, RefusesWhatCannotBeMixed) {
  const auto refusal = [](const Dataset& set, const MixRecipe& recipe) {
    return message_of([&] { Loader(set, {.batch_size = 2, .mix = recipe}); });
  };
  DatasetInfo info;
  info.name = "points";
  const TensorDataset numbers(info, Tensor::zeros({4, 2}), Tensor::zeros({4}));
  EXPECT_EQ(refusal(numbers, mixup()),
            "data.mix: the targets of points are numbers of shape (); one class label per sample "
            "is required");
  info.classes = 9;
  const TensorDataset text(info, Tensor::zeros({4, 2}), Tensor::zeros({4, 2}, DType::int64));
  EXPECT_EQ(refusal(text, mixup()),
            "data.mix: the targets of points are labels of shape (2); one class label per sample "
            "is required");
  const TensorDataset points(info, Tensor::zeros({4, 2}), Tensor::zeros({4}, DType::int64));
  EXPECT_EQ(refusal(points, mixup()), "no error");
  EXPECT_EQ(refusal(points, cutmix()),
            "data.mix: cutmix given for points, whose samples are (2); pictures, (height, width, "
            "channels), are required (mixup takes samples of any shape)");
  const ResidentDataset resident(points, Cpu{});
  EXPECT_EQ(refusal(resident, mixup()), "no error");
  EXPECT_EQ(refusal(resident, cutmix()), refusal(points, cutmix()));
  EXPECT_EQ(refusal(resident, MixRecipe::of("too_much_for_test")),
            "loader: data.mix: too_much_for_test given for samples of points that lie on a device; "
            "one that a device can apply is required (flip, crop, cutout, mixup, cutmix), or "
            "samples on the host");
  const Tokens tokens;
  EXPECT_EQ(refusal(tokens, mixup()),
            "data.mix: the samples of points are int64, tokens; pictures or numbers are required");
  MixOptions options{.alpha = 0};
  EXPECT_THROW(validate("mix", section_ref(options)), UserError);
}

// A mix of one's own whose share makes no probability.
struct TooMuch : Mix {
  double apply(const BatchView&, std::span<const i64>, std::byte*, Random&) const override {
    return 1.5;
  }
};
const bool registered = Registry<Mix>::add<TooMuch>("too_much_for_test");

TEST(Mix, RefusesAShareOutOfRange) {
  ASSERT_TRUE(registered);
  const TensorDataset set = classes_of_pictures(4, true);
  Loader loader(set, {.batch_size = 2, .mix = MixRecipe::of("too_much_for_test")});
  EXPECT_EQ(message_of([&] {
              for (auto& batch : loader) EXPECT_TRUE(batch.x.defined());
            }),
            "data.mix: apply() gave the share 1.5; a number in [0, 1] is required");
}

}  // namespace
}  // namespace weft::data
