// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/philox.h"

#include <gtest/gtest.h>

namespace weft::kernels {
namespace {

// source: Random123 1.14, tests/kat_vectors, philox4x32 10
TEST(Philox, GivesTheKnownAnswers) {
  const struct {
    u64 key, low, high;
    u32 word[4];
  } answers[] = {
      {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {~u64{0}, ~u64{0}, ~u64{0}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {0x299f31d0a4093822,
       0x85a308d3243f6a88,
       0x0370734413198a2e,
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& answer : answers) {
    const PhiloxWords words = philox(answer.key, answer.low, answer.high);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(words.word[i], answer.word[i]);
  }
}

TEST(Philox, UnitFloatsLieInTheHalfOpenInterval) {
  EXPECT_EQ(unit_float(0), 0.0f);
  EXPECT_EQ(unit_float(~u32{0}), 1.0f - 0x1p-24f);
  EXPECT_EQ(unit_float(0x80000000u), 0.5f);
}

}  // namespace
}  // namespace weft::kernels
