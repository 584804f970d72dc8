// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/random.h"

#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "weft/device/parallel.h"
#include "weft/kernels/common/box_muller.h"
#include "weft/kernels/common/philox.h"
#include "weft/testing/testing.h"

namespace weft::kernels {
namespace {

constexpr u32 kUnits = 1u << 24;  // of 24 bits

// The smallest and largest arguments, the ends of each octave and each quarter of a turn, and one
// in 4099 of the rest.
std::vector<u32> units() {
  std::vector<u32> all;
  for (u32 i = 0; i < kUnits; i += 4099) all.push_back(i);
  for (u32 i = 0; i < 24; ++i)
    for (const u32 n : {(1u << i) - 1, 1u << i, (1u << i) + 1, kUnits - (1u << i)})
      all.push_back(n % kUnits);
  for (u32 i = 0; i < 8; ++i)
    for (const u32 n : {i << 21, (i << 21) + 1, (i << 21) - 1}) all.push_back(n % kUnits);
  return all;
}

TEST(BoxMuller, TheLogarithmIsThatOfTheStandardLibrary) {
  for (const u32 k : units()) {
    const u32 n = k + 1;
    const double wanted = std::log(static_cast<double>(n) / kUnits);
    EXPECT_NEAR(log_of_unit(n), wanted, 4e-16 * std::abs(wanted)) << n;
  }
}

TEST(BoxMuller, SineAndCosineAreThoseOfTheStandardLibrary) {
  for (const u32 k : units()) {
    const long double angle = 2 * std::numbers::pi_v<long double> * k / kUnits;
    const SinCos both = sin_cos_of_unit(k);
    EXPECT_NEAR(both.sin, static_cast<double>(std::sin(angle)), 3e-16) << k;
    EXPECT_NEAR(both.cos, static_cast<double>(std::cos(angle)), 3e-16) << k;
  }
}

// The fills end within a group of four, within a block, in a later block, and on another thread.
TEST(FillNormal, HasTheValuesOfTheFormulaForEachVectorSet) {
  const testing::MachineState restore;
  set_threads(testing::most_threads());
  const RandomRange range{0xfeedface12345678u, 77};
  for (const VectorSet set : testing::vector_sets()) {
    set_vector_set(set);
    for (const i64 n : {3, 1000, 4099, 40003}) {
      std::vector<double> y(static_cast<std::size_t>(n) + 1, 7.0);
      std::vector<float> rounded(y.size(), 7.0f);
      fill_normal(Cpu{}, Span<double>{y.data(), n}, 0.5, 2.0, range);
      fill_normal(Cpu{}, Span<float>{rounded.data(), n}, 0.5, 2.0, range);
      for (i64 i = 0; i < n; ++i) {
        const PhiloxWords words = philox(range.key, range.first + static_cast<u64>(i / 4), 0);
        const i64 pair = i % 4 / 2 * 2;
        const double u = static_cast<double>(unit_float(words.word[pair])),
                     turn = static_cast<double>(unit_float(words.word[pair + 1])),
                     angle = 2 * std::numbers::pi * turn;
        const double z =
            std::sqrt(-2 * std::log(1 - u)) * (i % 2 == 0 ? std::cos(angle) : std::sin(angle));
        const auto place = static_cast<std::size_t>(i);
        ASSERT_NEAR(y[place], 0.5 + 2 * z, 2e-14) << i;
        ASSERT_NEAR(rounded[place], y[place], 6e-8 * std::abs(y[place])) << i;
      }
      EXPECT_EQ(y.back(), 7.0);
      EXPECT_EQ(rounded.back(), 7.0f);
    }
  }
}

}  // namespace
}  // namespace weft::kernels
