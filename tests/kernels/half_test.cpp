// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Half, EveryNumberSurvivesTheWayToFloatAndBack) {
  for (u32 bits = 0; bits < 0x10000u; ++bits) {
    half x;
    x.bits = static_cast<std::uint16_t>(bits);
    const auto value = static_cast<float>(x);
    const half back(value);
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(static_cast<float>(back)));
    } else {
      ASSERT_EQ(back.bits, bits);
    }
  }
}

TEST(Half, RoundsToTheNearestAndTiesToEven) {
  // The test rounds the midpoint of each two neighbouring positive finite values, and the next
  // float on either side of it.
  for (u32 bits = 0; bits < 0x7bffu; ++bits) {
    const float low = half_bits_to_float(static_cast<std::uint16_t>(bits));
    const float high = half_bits_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = 0.5f * (low + high);
    const u32 even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(float_to_half_bits(middle), even);
    ASSERT_EQ(float_to_half_bits(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_half_bits(std::nextafter(middle, INFINITY)), bits + 1);
    ASSERT_EQ(float_to_half_bits(-middle), even | 0x8000u);
  }
}

TEST(Half, OverflowsToInfinityFromTheMiddleOn) {
  EXPECT_EQ(float_to_half_bits(65504.0f), 0x7bffu);
  EXPECT_EQ(float_to_half_bits(std::nextafter(65520.0f, 0.0f)), 0x7bffu);
  EXPECT_EQ(float_to_half_bits(65520.0f), 0x7c00u);
  EXPECT_EQ(float_to_half_bits(-INFINITY), 0xfc00u);
  for (const u32 nan : {0x7fc00000u, 0xffc00000u, 0x7f800001u})
    EXPECT_EQ(float_to_half_bits(std::bit_cast<float>(nan)), 0x7fffu);
  for (const u32 nan : {0x7c01u, 0xfe00u, 0xffffu})
    EXPECT_EQ(std::bit_cast<u32>(half_bits_to_float(static_cast<std::uint16_t>(nan))), 0x7fffffffu);
}

TEST(Bfloat16, RoundsToTheNearestAndTiesToEven) {
  for (u32 bits = 0; bits < 0x7f80u; ++bits) {
    bfloat16 x;
    x.bits = static_cast<std::uint16_t>(bits);
    const auto low = static_cast<float>(x);
    ASSERT_EQ(bfloat16(low).bits, bits);
    const u32 middle = (bits << 16) + 0x8000u;
    ASSERT_EQ(bfloat16(std::bit_cast<float>(middle)).bits, bits % 2 == 0 ? bits : bits + 1);
    ASSERT_EQ(bfloat16(std::bit_cast<float>(middle - 1)).bits, bits);
    ASSERT_EQ(bfloat16(std::bit_cast<float>(middle + 1)).bits, bits + 1);
  }
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_TRUE(std::isnan(static_cast<float>(bfloat16(std::bit_cast<float>(0x7f800001u)))));
}

}  // namespace
}  // namespace weft
