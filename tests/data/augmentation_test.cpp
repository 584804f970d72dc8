// SPDX-License-Identifier: Apache-2.0
#include "weft/data/augmentation.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <gtest/gtest.h>

#include "weft/data/loader.h"
#include "weft/data/picture.h"
#include "weft/data/tensor_dataset.h"
#include "weft/tests/data/temp_folder.h"
#include "weft/tests/support/message_of.h"

namespace weft::data {
namespace {

constexpr i64 kHeight = 6, kWidth = 7;

// Pictures of random bytes; the label is the index.
TensorDataset pictures(i64 count, i64 channels = 3) {
  Tensor samples = Tensor::empty({count, kHeight, kWidth, channels}, DType::uint8);
  Tensor labels = Tensor::empty({count}, DType::int64);
  Random random{9};
  for (u8& value : samples.values<u8>()) value = static_cast<u8>(random.below(255) + 1);
  for (i64 i = 0; i < count; ++i) labels.data<i64>()[i] = i;
  DatasetInfo info;
  info.name = "pictures";
  info.classes = count;
  return {std::move(info), samples, labels};
}

// What one augmentation makes of a picture in epochs 0, 1, ….
std::vector<Bytes> results(const AugmentationRecipe& recipe, const Bytes& picture, i64 channels,
                           i64 epochs) {
  DatasetInfo info;
  info.sample = {kHeight, kWidth, channels};
  std::shared_ptr<const Augmentation> one = recipe.make();
  const AugmentationChain chain({one}, info);
  AugmentationChain::Scratch scratch;
  std::vector<Bytes> all;
  for (i64 epoch = 0; epoch < epochs; ++epoch) {
    Bytes out(static_cast<std::size_t>(chain.output().elements()));
    chain.apply(picture.data(), out.data(), 1, epoch, 5, scratch);
    all.push_back(std::move(out));
  }
  return all;
}

Bytes one_picture(i64 channels = 3) { return pictures(1, channels).samples().to_vector<u8>(); }

u8 at(const Bytes& picture, i64 y, i64 x, i64 c, i64 width = kWidth, i64 channels = 3) {
  return picture[static_cast<std::size_t>((y * width + x) * channels + c)];
}

const std::vector<AugmentationRecipe>& every_kind() {
  static const std::vector<AugmentationRecipe> all{
      flip(),
      flip({.direction = FlipDirection::vertical}),
      crop({.padding = 2}),
      crop({.padding = 3, .mode = Padding::reflect}),
      resized_crop(),
      affine({.degrees = 20, .translate = 0.2, .scale = {0.8, 1.2}, .shear = 10}),
      color_jitter({.brightness = 0.4, .contrast = 0.4, .saturation = 0.4, .hue = 0.1}),
      cutout({.size = 3})};
  return all;
}

TEST(Augmentations, EachRegisteredOneIsTestedBelow) {
  std::set<std::string> names;
  for (const AugmentationRecipe& recipe : every_kind()) names.insert(recipe.name());
  for (const std::string& name : Registry<Augmentation>::instance().names())
    EXPECT_TRUE(names.contains(name)) << name;
}

// What a sample becomes depends on (seed, epoch, index) only: not on workers, batch, order, the
// samples before it, or where a loader went on.
TEST(Augmentations, DependOnSeedEpochAndIndexOnly) {
  const TensorDataset set = pictures(23);
  for (const AugmentationRecipe& recipe : every_kind()) {
    SCOPED_TRACE(recipe.name());
    using Seen = std::map<std::pair<i64, i64>, Bytes>;  // by epoch and index
    const auto seen = [&](LoaderOptions options, i64 first_batch = 0) {
      options.augment = {recipe, cutout({.size = 2})};
      Loader loader(set, options);
      loader.set_position({0, first_batch});
      Seen all;
      for (i64 epoch = 0; epoch < 2; ++epoch)
        for (auto& [x, y] : loader)
          for (i64 i = 0; i < x.size(0); ++i)
            all[{epoch, y.data<i64>()[i]}] = x.slice(i, i + 1).to_vector<u8>();
      return all;
    };
    const Seen wanted = seen({.batch_size = 4, .seed = 3, .workers = 0});
    ASSERT_EQ(wanted.size(), 46u);
    EXPECT_EQ(seen({.batch_size = 4, .seed = 3, .workers = 1}), wanted);
    EXPECT_EQ(seen({.batch_size = 7, .shuffle = true, .seed = 3, .prefetch = 5, .workers = 8}),
              wanted);
    for (const auto& [key, picture] : seen({.batch_size = 4, .seed = 3, .workers = 2}, 3))
      EXPECT_EQ(picture, wanted.at(key));
    EXPECT_NE(seen({.batch_size = 4, .seed = 4, .workers = 0}), wanted);
    i64 same = 0;
    for (i64 i = 0; i < 23; ++i) same += wanted.at({0, i}) == wanted.at({1, i}) ? 1 : 0;
    EXPECT_LT(same, 20) << "epochs are alike";
  }
}

TEST(Augmentations, InAListDrawIndependently) {
  const Bytes picture = one_picture();
  DatasetInfo info;
  info.sample = {kHeight, kWidth, 3};
  std::shared_ptr<const Augmentation> one = flip().make();
  const AugmentationChain twice({one, one}, info);
  AugmentationChain::Scratch scratch;
  i64 flipped = 0;
  for (i64 epoch = 0; epoch < 200; ++epoch) {
    Bytes out(picture.size());
    twice.apply(picture.data(), out.data(), 1, epoch, 0, scratch);
    flipped += out != picture ? 1 : 0;
  }
  EXPECT_NEAR(flipped, 100, 30);  // two that draw the same would never flip
}

TEST(Flip, TurnsHalfOfThePicturesRound) {
  for (const i64 channels : {1, 2, 3}) {
    const Bytes picture = one_picture(channels);
    Bytes mirrored = picture, upside_down = picture;
    for (i64 y = 0; y < kHeight; ++y)
      for (i64 x = 0; x < kWidth; ++x)
        for (i64 c = 0; c < channels; ++c) {
          const auto to = static_cast<std::size_t>((y * kWidth + x) * channels + c);
          mirrored[to] = at(picture, y, kWidth - 1 - x, c, kWidth, channels);
          upside_down[to] = at(picture, kHeight - 1 - y, x, c, kWidth, channels);
        }
    for (const auto& [direction, turned] : {std::pair(FlipDirection::horizontal, mirrored),
                                            std::pair(FlipDirection::vertical, upside_down)}) {
      i64 count = 0;
      for (const Bytes& out : results(flip({.direction = direction}), picture, channels, 400)) {
        EXPECT_TRUE(out == turned || out == picture);
        count += out == turned ? 1 : 0;
      }
      EXPECT_NEAR(count, 200, 50);
      for (const Bytes& out :
           results(flip({.probability = 1, .direction = direction}), picture, channels, 20))
        EXPECT_EQ(out, turned);
    }
    for (const Bytes& out : results(flip({.probability = 0}), picture, channels, 20))
      EXPECT_EQ(out, picture);
  }
}

TEST(Crop, GivesEachWindowOfThePaddedPicture) {
  const Bytes picture = one_picture();
  constexpr i64 kPadding = 2;
  for (const Padding mode : {Padding::zero, Padding::reflect}) {
    std::map<Bytes, i64> windows;
    for (i64 top = -kPadding; top <= kPadding; ++top)
      for (i64 left = -kPadding; left <= kPadding; ++left) {
        Bytes window;
        for (i64 y = top; y < top + kHeight; ++y)
          for (i64 x = left; x < left + kWidth; ++x)
            for (i64 c = 0; c < 3; ++c) {
              const bool inside = y >= 0 && y < kHeight && x >= 0 && x < kWidth;
              const i64 mirror_y = y < 0 ? -y : std::min(y, 2 * (kHeight - 1) - y);
              const i64 mirror_x = x < 0 ? -x : std::min(x, 2 * (kWidth - 1) - x);
              window.push_back(inside                  ? at(picture, y, x, c)
                               : mode == Padding::zero ? u8{0}
                                                       : at(picture, mirror_y, mirror_x, c));
            }
        windows[window] = 0;
      }
    ASSERT_EQ(windows.size(), 25u);
    for (const Bytes& out : results(crop({.padding = kPadding, .mode = mode}), picture, 3, 1000)) {
      const auto found = windows.find(out);
      ASSERT_NE(found, windows.end());
      ++found->second;
    }
    for (const auto& [window, count] : windows) EXPECT_NEAR(count, 40, 30);
  }
}

TEST(Crop, TakesASmallerPart) {
  const Bytes picture = one_picture(1);
  std::set<u8> corners;
  for (const Bytes& out : results(crop({.size = {2, 3}}), picture, 1, 300)) {
    ASSERT_EQ(out.size(), 6u);
    const auto begin = std::find(picture.begin(), picture.end(), out[0]);
    ASSERT_NE(begin, picture.end());
    corners.insert(out[0]);
  }
  EXPECT_GT(corners.size(), 15u);
}

TEST(Crop, RefusesWhatDoesNotFit) {
  EXPECT_EQ(user_error_of([] {
              crop({.size = {9, 9}}).make()->output({4, 5, 3});
            }),
            "crop: 9 × 9 of a picture of 4 × 5 with a padding of 0; at most 4 × 5 is required");
  EXPECT_NE(user_error_of([] {
              crop({.padding = 4, .mode = Padding::reflect}).make()->output({4, 5, 3});
            }).find("reflects a picture of 4 × 5"),
            std::string::npos);
  EXPECT_NE(user_error_of([] { crop({.size = {9}}); }).find("[height, width]"), std::string::npos);
}

TEST(ResizedCrop, OfTheWholeIsThePicture) {
  const Bytes picture = one_picture();
  const double ratio = static_cast<double>(kWidth) / kHeight;
  for (const Bytes& out :
       results(resized_crop({.area = {1, 1}, .ratio = {ratio, ratio}}), picture, 3, 5))
    EXPECT_EQ(out, picture);
  const Bytes flat(picture.size(), 77);
  for (const Bytes& out : results(resized_crop(), flat, 3, 20)) EXPECT_EQ(out, flat);
  EXPECT_EQ(results(resized_crop({.size = {3, 4}}), picture, 3, 1)[0].size(), 36u);
}

TEST(Affine, MovesThePicture) {
  const Bytes picture = one_picture();
  for (const Bytes& out : results(affine(), picture, 3, 3)) EXPECT_EQ(out, picture);
  // Half the size: each pixel is twice as far from the centre, which is (2.5, 3).
  const Bytes twice = results(affine({.scale = {0.5, 0.5}}), picture, 3, 1)[0];
  EXPECT_EQ(at(twice, 0, 0, 0), 0);  // outside
  // Row 2 is half a pixel above the centre, and comes from a whole one above it.
  EXPECT_EQ(at(twice, 2, 3, 1),
            static_cast<u8>((at(picture, 1, 3, 1) + at(picture, 2, 3, 1) + 1) / 2));
  // A disc stays a disc.
  Bytes disc(static_cast<std::size_t>(kHeight * kWidth));
  for (i64 y = 0; y < kHeight; ++y)
    for (i64 x = 0; x < kWidth; ++x)
      disc[static_cast<std::size_t>(y * kWidth + x)] = static_cast<u8>(
          200 - 20 * std::hypot(static_cast<double>(y) - 2.5, static_cast<double>(x) - 3));
  for (const Bytes& out : results(affine({.degrees = 180}), disc, 1, 20)) {
    EXPECT_NEAR(at(out, 2, 3, 0, kWidth, 1), at(disc, 2, 3, 0, kWidth, 1), 8);
    EXPECT_NEAR(at(out, 2, 4, 0, kWidth, 1), at(disc, 2, 4, 0, kWidth, 1), 8);
  }
  // A shift moves all rows alike.
  std::set<u8> first;
  for (const Bytes& out : results(affine({.translate = 0.5}), picture, 3, 50))
    first.insert(at(out, 3, 3, 0));
  EXPECT_GT(first.size(), 20u);
}

TEST(ColorJitter, ChangesOneThingAtATime) {
  const Bytes picture = one_picture();
  for (const Bytes& out : results(color_jitter(), picture, 3, 3)) EXPECT_EQ(out, picture);
  const Bytes grey(picture.size(), 100);
  double least = 1000, most = 0;
  for (const Bytes& out : results(color_jitter({.brightness = 0.5}), grey, 3, 200)) {
    EXPECT_EQ(Bytes(out.size(), out[0]), out);
    least = std::min<double>(least, out[0]);
    most = std::max<double>(most, out[0]);
  }
  EXPECT_NEAR(least, 50, 5);
  EXPECT_NEAR(most, 150, 5);
  for (const Bytes& out :
       results(color_jitter({.contrast = 1, .saturation = 1, .hue = 0.5}), grey, 3, 20))
    EXPECT_EQ(out, grey);
  const auto greys = [](const Bytes& all) {
    double sum = 0;
    for (std::size_t i = 0; i < all.size(); i += 3) sum += grey_of(all[i], all[i + 1], all[i + 2]);
    return 3 * sum / static_cast<double>(all.size());
  };
  for (const Bytes& out : results(color_jitter({.contrast = 0.2}), picture, 3, 20))
    EXPECT_NEAR(greys(out), greys(picture), 3);
  bool turned = false;
  for (const Bytes& out : results(color_jitter({.hue = 0.5}), picture, 3, 20))
    for (std::size_t i = 0; i < out.size(); i += 3) {
      const auto [low, high] = std::minmax({out[i], out[i + 1], out[i + 2]});
      const auto [was_low, was_high] = std::minmax({picture[i], picture[i + 1], picture[i + 2]});
      EXPECT_EQ(low, was_low);
      EXPECT_EQ(high, was_high);
      turned = turned || out[i] != picture[i];
    }
  EXPECT_TRUE(turned);
}

TEST(Cutout, BlackensOneSquare) {
  const Bytes picture = one_picture();
  std::set<std::size_t> begins;
  for (const Bytes& out : results(cutout({.size = 3}), picture, 3, 200)) {
    std::size_t black = 0;
    for (std::size_t i = 0; i < out.size(); ++i) {
      EXPECT_TRUE(out[i] == picture[i] || out[i] == 0);
      if (out[i] == 0 && black++ == 0) begins.insert(i);
    }
    EXPECT_GE(black, 4u * 3);
    EXPECT_LE(black, 9u * 3);
  }
  EXPECT_GT(begins.size(), 20u);
  EXPECT_EQ(results(cutout({.size = 100}), picture, 3, 1)[0], Bytes(picture.size(), 0));
}

TEST(Augmentations, OfAPluginThatThrowAreNamed) {
  struct Throws final : Augmentation {
    explicit Throws(int how) : how_(how) {}
    void apply(const PictureView&, u8*, Random&) const override {
      if (how_ == 0) throw std::runtime_error("no ink");
      if (how_ == 1) throw 7;  // NOLINT: as a careless author would
      fail("its own sentence");
    }
    int how_;
  };
  const TensorDataset set = pictures(1);
  const auto thrown = [&](int how) {
    const std::shared_ptr<const Augmentation> first = flip().make();
    const AugmentationChain chain({first, std::make_shared<const Throws>(how)}, set.info());
    AugmentationChain::Scratch scratch;
    Bytes out(static_cast<std::size_t>(chain.output().elements()));
    chain.apply(set.samples().data<u8>(), out.data(), 1, 0, 5, scratch);
  };
  using test_support::message_of;
  EXPECT_EQ(message_of<InternalError>([&] { thrown(0); }),
            "augment: entry 1 threw for sample 5: no ink");
  EXPECT_EQ(message_of<InternalError>([&] { thrown(1); }),
            "augment: entry 1 threw for sample 5: what is no std::exception");
  EXPECT_EQ(message_of<UserError>([&] { thrown(2); }), "its own sentence");
}

TEST(Augmentations, NeedPictures) {
  DatasetInfo info;
  info.name = "table";
  info.sample = {3};
  info.sample_dtype = DType::f32;
  std::shared_ptr<const Augmentation> one = flip().make();
  EXPECT_EQ(
      user_error_of([&] { AugmentationChain({one}, info); }),
      "data.augment: the samples of table are (3) in f32; pictures, (height, width, channels) "
      "in uint8, are required");
}

}  // namespace
}  // namespace weft::data
