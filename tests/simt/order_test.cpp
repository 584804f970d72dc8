// SPDX-License-Identifier: Apache-2.0
// Tests of mistakes that make results depend on the order of threads, or on the previous content of
// shared memory.
#include <functional>
#include <set>

#include "weft/tests/simt/planted_bugs.cuh"
#include "weft/tests/simt/simt_test_tools.h"

namespace weft::testing {
namespace {

// Returns the number of different results of `run` over all orders.
std::size_t results_over_orders(const std::function<std::vector<float>()>& run) {
  std::set<std::string> results;
  in_every_order([&] {
    const std::vector<float> y = run();
    results.emplace(reinterpret_cast<const char*>(y.data()), y.size() * sizeof(float));
  });
  return results.size();
}

std::vector<float> count_up(i64 n) {
  std::vector<float> x;
  for (i64 i = 0; i < n; ++i) x.push_back(static_cast<float>(i));
  return x;
}

// ThreadSanitizer's build would report these mistakes; sanitizer_test.cpp tests them there.
#ifndef __SANITIZE_THREAD__

TEST(Order, ShowsAMissingBarrier) {
  const DeviceArray<float> x(count_up(128));
  EXPECT_GT(results_over_orders([&] {
              DeviceArray<float> y(128);
              launch<bugs::missing_barrier>({.grid = 1, .block = 128}, y.data(), x.data());
              return y.host();
            }),
            1u);
}

TEST(Order, ShowsAMissingTrailingBarrier) {
  const DeviceArray<float> x(count_up(512));
  EXPECT_GT(results_over_orders([&] {
              DeviceArray<float> y(128);
              launch<bugs::missing_trailing_barrier>({.grid = 1, .block = 128}, y.data(), x.data(),
                                                     4);
              return y.host();
            }),
            1u);
}

TEST(Order, ShowsAMissingSyncwarp) {
  const auto run = []<auto Kernel>() {
    return results_over_orders([] {
      DeviceArray<float> y(32);
      launch<Kernel>({.grid = 1, .block = 32}, y.data());
      return y.host();
    });
  };
  EXPECT_GT(run.operator()<bugs::missing_syncwarp>(), 1u);
  EXPECT_EQ(run.operator()<bugs::with_syncwarp>(), 1u);
}

#endif

TEST(Order, ShowsUninitialisedSharedMemory) {
  EXPECT_GT(results_over_orders([] {
              DeviceArray<float> y(64);
              launch<bugs::uninitialised_shared>({.grid = 1, .block = 64}, y.data());
              return y.host();
            }),
            1u);
  const DeviceArray<float> x(count_up(100));
  EXPECT_GT(results_over_orders([&] {
              DeviceArray<float> y(8);
              launch<bugs::uninitialised_accumulator>({.grid = 1, .block = 64, .smem = 32},
                                                      y.data(), x.data(), 100);
              return y.host();
            }),
            1u);
}

TEST(Order, DoesNotMatterToARightKernel) {
  EXPECT_EQ(results_over_orders([] {
              DeviceArray<float> sum(1), partial(8);
              DeviceArray<unsigned> ticket(std::vector<unsigned>{0});
              launch<bugs::last_block_sums<true>>({.grid = 8, .block = 32}, sum.data(),
                                                  partial.data(), ticket.data());
              EXPECT_EQ(sum.host()[0], 8.0f);
              return sum.host();
            }),
            1u);
}

#ifndef __SANITIZE_THREAD__
TEST(Order, SkippingASiteIsDeletingIt) {
  const auto run = [] {
    return results_over_orders([] {
      DeviceArray<float> y(32);
      launch<bugs::with_syncwarp>({.grid = 1, .block = 32}, y.data());
      return y.host();
    });
  };
  EXPECT_EQ(run(), 1u);
  const CallSite place{"tests/simt/planted_bugs.cuh", line_number_of("syncwarp site")};
  bool listed = false;
  for (const simt::SyncSite& site : simt::visited_sync_sites())
    listed |= site.operation == "__syncwarp" && text_of(site.place) == text_of(place);
  EXPECT_TRUE(listed);
  {
    const simt::ScopedOptions skip({.skip = place});
    EXPECT_GT(run(), 1u);
  }
  EXPECT_EQ(run(), 1u);
}
#endif

}  // namespace
}  // namespace weft::testing
