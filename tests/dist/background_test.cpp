// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/background.h"

#include <atomic>
#include <future>
#include <vector>

#include <gtest/gtest.h>

#include "weft/core/clock.h"
#include "weft/core/error.h"
#include "weft/tests/support/message_of.h"

namespace weft::dist {
namespace {

TEST(Background, RunsOperationsInOrderWhileTheCallerGoesOn) {
  Background background;
  std::promise<void> go;
  std::vector<int> order;
  background.begin([&, ready = go.get_future().share()] { ready.wait(); });
  for (int i = 0; i < 100; ++i) background.begin([&order, i] { order.push_back(i); });
  EXPECT_TRUE(background.busy());
  go.set_value();
  background.wait();
  EXPECT_FALSE(background.busy());
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[static_cast<std::size_t>(i)], i);
}

TEST(Background, AnErrorIsKeptAndDropsWhatIsBehindIt) {
  Background background;
  std::promise<void> go;
  std::atomic<bool> ran = false;
  background.begin([&] {
    go.get_future().wait();
    throw InternalError("broken");
  });
  background.begin([&] { ran = true; });
  go.set_value();
  for (int i = 0; i < 2; ++i)
    EXPECT_EQ(test_support::message_of<InternalError>([&] { background.wait(); }), "broken");
  EXPECT_EQ(test_support::message_of<InternalError>([&] { background.begin([] {}); }), "broken");
  EXPECT_FALSE(ran);
}

TEST(Background, TheEndDoesNotWaitForAnOperationThatDoesNotEnd) {
  auto go = std::make_shared<std::promise<void>>();
  auto ended = std::make_shared<std::promise<void>>();
  std::atomic<bool> ran = false;
  Background background;
  std::promise<void> begun;
  background.begin([&begun, go, ended] {
    begun.set_value();
    go->get_future().wait();
    ended->set_value();
  });
  background.begin([&] { ran = true; });
  begun.get_future().wait();
  EXPECT_FALSE(background.stop(std::chrono::milliseconds(10)));
  go->set_value();
  ended->get_future().wait();
  EXPECT_FALSE(ran);
}

TEST(Background, TheEndWaitsForAnOperationThatEnds) {
  Background background;
  std::promise<void> begun;
  background.begin([&] {
    begun.set_value();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  });
  begun.get_future().wait();
  EXPECT_TRUE(background.stop(std::chrono::seconds(60)));
  EXPECT_TRUE(background.stop(std::chrono::seconds(60)));
}

}  // namespace
}  // namespace weft::dist
