// SPDX-License-Identifier: Apache-2.0
#include "weft/data/digits.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "weft/tests/data/temp_folder.h"
#include "weft/device/parallel.h"

namespace weft::data {
namespace {

constexpr std::size_t kPixels = 784;

Bytes image(const Digits& digits, i64 index) {
  Bytes bytes(kPixels);
  i64 label = 0;
  digits.read(index, bytes.data(), &label);
  return bytes;
}

Bytes all(const Digits& digits) { return digits.samples().to_vector<u8>(); }

TEST(Digits, AreWhatTheySay) {
  const Digits digits{{.size = 25}};
  EXPECT_EQ(digits.size(), 25);
  EXPECT_EQ(digits.info().name, "digits");
  EXPECT_EQ(digits.info().split, "train");
  EXPECT_EQ(digits.info().sample, (Shape{28, 28, 1}));
  EXPECT_EQ(digits.info().sample_dtype, DType::uint8);
  EXPECT_EQ(digits.info().target_dtype, DType::int64);
  EXPECT_EQ(digits.info().classes, 10);
  EXPECT_EQ(digits.info().class_names.size(), 10u);
  for (i64 i = 0; i < 25; ++i)
    EXPECT_EQ(digits.targets().values<i64>()[static_cast<std::size_t>(i)], i % 10);
}

TEST(Digits, DoNotDependOnThreadsNorOnTheirNumber) {
  const auto digits = all(Digits{{.size = 300}});
  EXPECT_EQ(digits, all(Digits{{.size = 300}}));
  const int before = threads();
  set_threads(1);
  EXPECT_EQ(digits, all(Digits{{.size = 300}}));
  set_threads(3);
  EXPECT_EQ(digits, all(Digits{{.size = 300}}));
  set_threads(before);
  auto more = all(Digits{{.size = 777}});
  more.resize(300 * kPixels);
  EXPECT_EQ(digits, more);
}

TEST(Digits, DifferWithSeedSplitAndStyle) {
  const Digits digits{{.size = 50}};
  for (const auto& options :
       {DigitsOptions{.size = 50, .seed = 2}, DigitsOptions{.split = "test", .size = 50},
        DigitsOptions{.style = DigitsStyle::outline, .size = 50}}) {
    const Digits others{options};
    for (i64 i = 0; i < 50; ++i) EXPECT_NE(image(digits, i), image(others, i));
  }
}

TEST(Digits, NoImageComesTwice) {
  const Digits digits{{.size = 2000}};
  std::set<Bytes> seen;
  for (i64 i = 0; i < digits.size(); ++i) EXPECT_TRUE(seen.insert(image(digits, i)).second) << i;
}

TEST(Digits, AtDifficultyZeroAreTenPictures) {
  const Digits digits{{.size = 40, .difficulty = 0}};
  std::set<Bytes> seen;
  for (i64 i = 0; i < 40; ++i) seen.insert(image(digits, i));
  EXPECT_EQ(seen.size(), 10u);
}

TEST(Digits, LieInsideThePicture) {
  for (const DigitsStyle style : {DigitsStyle::strokes, DigitsStyle::outline}) {
    const Digits digits{{.style = style, .size = 2000}};
    double border = 0, middle = 0;
    for (i64 i = 0; i < digits.size(); ++i) {
      const auto pixels = image(digits, i);
      EXPECT_GT(*std::max_element(pixels.begin(), pixels.end()), 100)
          << enum_name(style) << ' ' << i;  // some pixel is dark
      for (int y = 0; y < 28; ++y)
        for (int x = 0; x < 28; ++x)
          (x == 0 || y == 0 || x == 27 || y == 27 ? border : middle) +=
              pixels[static_cast<std::size_t>(y) * 28 + static_cast<std::size_t>(x)];
    }
    EXPECT_LT(border / (2000 * 108), 28) << enum_name(style);  // the border is empty
    EXPECT_GT(middle / (2000 * 676), 40) << enum_name(style);
  }
}

// The nearest class mean is a linear classifier. Its accuracy shows that the digits are neither
// trivial nor noise.
double nearest_mean_accuracy(const DigitsOptions& options) {
  DigitsOptions test_options = options;
  test_options.split = "test";
  test_options.size = 500;
  const Digits train{options}, test{test_options};
  std::array<std::vector<double>, 10> means;
  means.fill(std::vector<double>(kPixels));
  for (i64 i = 0; i < train.size(); ++i) {
    const auto pixels = image(train, i);
    for (std::size_t p = 0; p < kPixels; ++p)
      means[static_cast<std::size_t>(i % 10)][p] +=
          pixels[p] * 10.0 / static_cast<double>(train.size());
  }
  int right = 0;
  for (i64 i = 0; i < test.size(); ++i) {
    const auto pixels = image(test, i);
    std::array<double, 10> distance{};
    for (std::size_t c = 0; c < 10; ++c)
      for (std::size_t p = 0; p < kPixels; ++p)
        distance[c] += (pixels[p] - means[c][p]) * (pixels[p] - means[c][p]);
    right += std::min_element(distance.begin(), distance.end()) - distance.begin() == i % 10;
  }
  return right / static_cast<double>(test.size());
}

TEST(Digits, AreNeitherTrivialNorNoise) {
  const double strokes = nearest_mean_accuracy({.size = 2000});
  const double outline = nearest_mean_accuracy({.style = DigitsStyle::outline, .size = 2000});
  const double easy = nearest_mean_accuracy({.size = 2000, .difficulty = 0.3});
  EXPECT_GT(strokes, 0.45);
  EXPECT_LT(strokes, 0.9);
  EXPECT_GT(outline, 0.35);
  EXPECT_LT(outline, 0.9);
  EXPECT_GT(easy, strokes + 0.1);
}

TEST(Digits, NameWrongOptions) {
  EXPECT_EQ(user_error_of([] { Digits{{.size = 0}}; }),
            "digits: size is 0; at least one sample is required");
  EXPECT_EQ(user_error_of([] { Digits{{.size = -5}}; }),
            "digits: size is -5; at least one sample is required");
  EXPECT_EQ(user_error_of([] { Digits{{.difficulty = 3}}; }),
            "digits: difficulty is 3; a number from 0 to 2 is required");
  EXPECT_EQ(user_error_of([] { Digits{{.difficulty = NAN}}; }),
            "digits: difficulty is nan; a number from 0 to 2 is required");
}

TEST(Digits, NameASampleThatIsNotThere) {
  const Digits digits{{.size = 5}};
  Bytes sample(kPixels);
  i64 label = 0;
  EXPECT_EQ(user_error_of([&] { digits.read(5, sample.data(), &label); }),
            "digits (train): sample 5 was asked for; 0 to 4 exist");
}

}  // namespace
}  // namespace weft::data
