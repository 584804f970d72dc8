// SPDX-License-Identifier: Apache-2.0
// Tests the index arithmetic of kernels beyond 2³¹ and 2³² elements, without the memory for them.
#include "weft/kernels/broadcast_walk.h"
#include "weft/kernels/common/columns.h"

#include <vector>

#include <gtest/gtest.h>

namespace weft::kernels::test {
namespace {

constexpr i64 kHuge = (i64{1} << 33) + 5;

TEST(CudaIndex, LinearIndexDoesNotWrap) {
  EXPECT_EQ(linear_index(1u << 24, 256, 7), (i64{1} << 32) + 7);
  EXPECT_EQ(linear_index(0x7fffffffu, 1024, 1023), i64{0x7fffffff} * 1024 + 1023);
}

TEST(CudaIndex, DivisionIsRightOnBothSidesOf32Bits) {
  for (const i64 x : {i64{0}, i64{41}, i64{0xffffffff}, i64{1} << 32, kHuge, i64{1} << 62}) {
    for (const i64 d : {i64{1}, i64{7}, i64{0xffffffff}, (i64{1} << 32) + 1}) {
      EXPECT_EQ(divide(x, d).quotient, x / d) << x << " by " << d;
      EXPECT_EQ(divide(x, d).remainder, x % d) << x << " by " << d;
    }
  }
}

TEST(CudaIndex, BlocksAreBounded) {
  EXPECT_EQ(blocks_for(1), 1u);
  EXPECT_EQ(blocks_for(kThreads + 1), 2u);
  EXPECT_EQ(blocks_for(i64{1} << 60), static_cast<u32>(kMaxBlocks));
  EXPECT_EQ(packs_in<float>(kHuge), kHuge / 4);
}

// A thread beyond 2³³ elements of a broadcast finds its inputs. a is (outer, inner), and b is one
// row.
TEST(CudaIndex, BroadcastBeyond32Bits) {
  const i64 inner = 3, outer = kHuge;
  const Broadcast s{2, outer * inner, {outer, inner}, {inner, 1}, {0, 1}};
  std::vector<i64> from_a, from_b;
  walk_broadcast(s, (outer - 2) * inner + 1, 4, [&](int, i64 a, i64 b) {
    from_a.push_back(a);
    from_b.push_back(b);
  });
  const i64 first = (outer - 2) * inner + 1;
  EXPECT_EQ(from_a, (std::vector<i64>{first, first + 1, first + 2, first + 3}));
  EXPECT_EQ(from_b, (std::vector<i64>{1, 2, 0, 1}));
}

TEST(CudaIndex, ColumnRunsCoverEveryRowOnce) {
  for (const i64 rows : {i64{1}, i64{63}, i64{65}, i64{100000}, kHuge}) {
    for (const i64 cols : {i64{1}, i64{33}, i64{100000}}) {
      const ColumnRuns runs = column_runs(rows, cols);
      EXPECT_EQ(runs.begin(0), 0);
      for (i64 run = 1; run < runs.runs; ++run) ASSERT_EQ(runs.begin(run), runs.end(run - 1));
      EXPECT_EQ(runs.end(runs.runs - 1), rows);
      EXPECT_LT(runs.begin(runs.runs - 1), rows);
    }
  }
}

}  // namespace
}  // namespace weft::kernels::test
