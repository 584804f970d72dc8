// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/at_once.h"

namespace weft {
namespace {

TEST(AtOnce, CallsEachNumberOnce) {
  for (const std::size_t count : {0u, 1u, 2u, 5u, 100u}) {
    std::vector<std::atomic<int>> calls(count);
    at_once(count, [&](std::size_t i) { ++calls[i]; });
    for (const auto& made : calls) EXPECT_EQ(made, 1);
  }
}

TEST(AtOnce, SeveralCallsRunTogether) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one core";
  std::atomic<int> inside{0}, both{0};
  at_once(2, [&](std::size_t) {
    ++inside;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (inside < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    both += inside == 2;
  });
  EXPECT_EQ(both, 2) << "the first call ended before the second began";
}

TEST(AtOnce, ThrowsWhatTheLowestNumberThrew) {
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> calls{0};
    try {
      at_once(1000, [&](std::size_t i) {
        ++calls;
        if (i == 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));
        if (i >= 3) throw std::runtime_error(std::to_string(i));
      });
      FAIL() << "nothing was thrown";
    } catch (const std::runtime_error& error) {
      EXPECT_EQ(std::string(error.what()), "3");
    }
    EXPECT_LE(calls, 3 + 4);
  }
}

}  // namespace
}  // namespace weft
