// SPDX-License-Identifier: Apache-2.0
#include "weft/device/parallel.h"

#include <atomic>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/check.h"
#include "weft/core/error.h"
#include "weft/device/simd.h"
#include "weft/testing/machine.h"

namespace weft {
namespace {

TEST(Parallel, EveryIndexIsVisitedOnce) {
  const testing::MachineState restore;
  for (int threads = 1; threads <= testing::most_threads(); ++threads) {
    set_threads(threads);
    for (const i64 count : {0, 1, 2, 7, 100, 1001})
      for (const i64 grain : {1, 3, 100, 5000}) {
        std::vector<std::atomic<int>> visits(static_cast<std::size_t>(count));
        parallel_for(count, grain, [&](i64 begin, i64 end) {
          for (i64 i = begin; i < end; ++i) ++visits[static_cast<std::size_t>(i)];
        });
        for (const auto& visit : visits) ASSERT_EQ(visit, 1);
      }
  }
}

TEST(Parallel, NoMorePartsThanTheGrainAllows) {
  const testing::MachineState restore;
  set_threads(testing::most_threads());
  std::atomic<int> parts{0};
  parallel_for(100, 100, [&](i64, i64) { ++parts; });
  EXPECT_EQ(parts, 1);
}

TEST(Parallel, ANestedOneRunsSerially) {
  const testing::MachineState restore;
  set_threads(testing::most_threads());
  std::atomic<int> inner_parts{0}, outer_parts{0};
  parallel_for(2, 1, [&](i64, i64) {
    ++outer_parts;
    parallel_for(100, 1, [&](i64, i64) { ++inner_parts; });
  });
  EXPECT_FALSE(in_parallel());
  if (testing::most_threads() == 2) {
    EXPECT_EQ(outer_parts, 2);
    EXPECT_EQ(inner_parts, 2);
  }
}

TEST(Parallel, BlocksKeepTheirBorders) {
  std::vector<std::atomic<int>> visits(37);
  parallel_blocks(37, [&](i64 block) { ++visits[static_cast<std::size_t>(block)]; });
  for (const auto& visit : visits) EXPECT_EQ(visit, 1);
}

TEST(Parallel, TheNumberOfThreadsIsChecked) {
  EXPECT_THROW(set_threads(0), UserError);
  EXPECT_THROW(set_threads(kMostThreads + 1), UserError);
}

TEST(Simd, EverySetOfThisMachineRunsTheBody) {
  const testing::MachineState restore;
  EXPECT_FALSE(testing::vector_sets().empty());
  for (const VectorSet set : testing::vector_sets()) {
    set_vector_set(set);
    EXPECT_EQ(vector_set(), set);
    std::vector<float> x(1000, 1.5f);
    simd([&] {
      for (float& value : x) value = value * 2 + 1;
    });
    for (const float value : x) ASSERT_EQ(value, 4.0f);
  }
}

TEST(Simd, SetsHaveNames) {
  EXPECT_EQ(name_of(VectorSet::baseline), "baseline");
  EXPECT_EQ(name_of(VectorSet::avx2), "avx2");
  EXPECT_EQ(name_of(VectorSet::avx512), "avx512");
}

}  // namespace
}  // namespace weft
