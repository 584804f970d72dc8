// SPDX-License-Identifier: Apache-2.0
// Operations that go on while the caller does, with real ranks.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "weft/tests/dist/rank_program.h"
#include "weft/tests/dist/ranks.h"
#include "weft/tests/support/scratch_folder.h"

namespace weft::dist {
namespace {

using std::chrono::milliseconds;

GroupOptions options_of_test(milliseconds timeout = milliseconds(60000)) {
  return {.build_and_config = "b",
          .timeout = timeout,
          .silence = milliseconds(2000),
          .when_stuck = end_stuck};
}

// Waits until the test has made the file TEST_GO.
void wait_for_the_test() {
  while (!std::filesystem::exists(std::getenv("TEST_GO")))
    std::this_thread::sleep_for(milliseconds(5));
}

TEST(RankProgram, DISABLED_BegunOperations) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), options_of_test());
    const i64 rank = group.rank(), size = group.size();
    EXPECT_NO_THROW(group.finish());
    std::vector<Tensor> values;
    for (i64 i = 0; i < 200; ++i)
      values.push_back(filled(1 + i * 13, DType::f64, [&](i64 at) { return value(rank, at + i); }));
    // The second sum of a tensor is that of sums, so it shows the order.
    for (const Tensor& x : values) group.begin_all_reduce(x);
    for (const Tensor& x : values) group.begin_all_reduce(x);
    const Tensor last = filled(7, DType::f32, [&](i64 at) { return value(rank, at); });
    group.all_reduce(last);  // waits for those before
    expect_values(last, [&](i64 at) { return total(size, at); });
    for (i64 i = 0; i < 200; ++i)
      expect_values(values[static_cast<std::size_t>(i)],
                    [&](i64 at) { return static_cast<double>(size) * total(size, at + i); });
    EXPECT_EQ(group.traffic().operations, 401);
    EXPECT_EQ(group.traffic().bytes, 8 * 2 * (200 + 13 * 199 * 100) + 28);
    EXPECT_GT(group.traffic().seconds_busy, 0);
    EXPECT_GT(group.traffic().seconds_waited, 0);
    const Tensor x = filled(1000, DType::f32, [&](i64 at) { return value(rank, at); });
    group.begin_all_reduce(x);
    group.leave();  // waits for it
    expect_values(x, [&](i64 at) { return total(size, at); });
  });
}

TEST(BegunOperations, AreRightAndInOrderSlow) {
  WEFT_NEEDS_GLOO();
  for (const i64 size : {2, 3}) {
    Ranks ranks(size, "RankProgram.DISABLED_BegunOperations");
    for (const auto& end : ranks.ends()) EXPECT_EQ(end.code, 0) << end.output;
  }
}

TEST(RankProgram, DISABLED_Overlap) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), options_of_test());
    const Tensor x = Tensor::full({1000}, 1), y = Tensor::full({1000}, 2);
    if (group.rank() == 1) wait_for_the_test();
    group.begin_all_reduce(x);
    group.begin_all_reduce(y);
    say("goes on");
    group.finish();
    say("has finished");
    expect_values(x, [](i64) { return 2; });
    expect_values(y, [](i64) { return 4; });
    group.leave();
  });
}

TEST(BegunOperations, DoNotKeepTheCallerWaitingSlow) {
  WEFT_NEEDS_GLOO();
  const test_support::ScratchFolder folder("ranks");
  const std::string go = (folder.path() / "go").string();
  Ranks ranks(2, "RankProgram.DISABLED_Overlap", {{"TEST_GO", go}});
  ranks.wait_for(0, "goes on");
  std::this_thread::sleep_for(milliseconds(100));
  EXPECT_EQ(ranks.output(0).find("has finished"), std::string::npos);
  std::ofstream(go) << "";
  for (const auto& end : ranks.ends()) EXPECT_EQ(end.code, 0) << end.output;
}

// The caller does not ask for the error; it must be in the next operation too.
TEST(RankProgram, DISABLED_ErrorIsKept) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), options_of_test());
    const Tensor x = Tensor::full({100000}, 1);
    for (int i = 0; i < 20; ++i) group.begin_all_reduce(x);
    say("begun");
    if (group.rank() == 1) std::this_thread::sleep_for(std::chrono::hours(1));
    for (int i = 0; i < 20; ++i) group.begin_all_reduce(x);
    std::string first;
    try {
      group.begin_all_reduce(Tensor::full({100000}, 1));
      group.barrier();
    } catch (const Error& error) {
      first = error.what();
    }
    for (const auto& again : std::vector<std::function<void()>>{
             [&] { group.finish(); }, [&] { group.begin_all_reduce(x); }, [&] { group.barrier(); },
             [&] { group.wait_for_others("the test"); }})
      try {
        again();
        ADD_FAILURE() << "an operation after the error has not failed";
      } catch (const Error& error) {
        EXPECT_EQ(error.what(), first);
      }
    group.barrier();
  });
}

TEST(BegunOperations, AKilledRankEndsTheOthersSlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(3, "RankProgram.DISABLED_ErrorIsKept");
  for (i64 rank = 0; rank < 3; ++rank) ranks.wait_for(rank, "begun");
  ranks.send(1, SIGKILL);
  const auto ends = ranks.ends();
  for (const std::size_t rank : {0, 2}) {
    EXPECT_EQ(ends[rank].code, 1) << ends[rank].output;
    EXPECT_LT(ends[rank].seconds, 10);
    EXPECT_NE(ends[rank].output.find("error: dist: rank 1 on "), std::string::npos)
        << ends[rank].output;
  }
}

// The rank computes and calls no operation, so it does not hear of the loss by itself.
TEST(RankProgram, DISABLED_ComputesOn) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), options_of_test());
    group.begin_all_reduce(Tensor::full({100}, 1));
    group.finish();
    if (group.rank() == 0) group.begin_all_reduce(Tensor::full({100}, 1));
    say("begun");
    std::this_thread::sleep_for(std::chrono::hours(1));
  });
}

TEST(BegunOperations, ARankThatComputesOnEndsTooSlow) {
  WEFT_NEEDS_GLOO();
  for (const int signal : {SIGKILL, SIGSTOP}) {
    Ranks ranks(2, "RankProgram.DISABLED_ComputesOn");
    for (i64 rank = 0; rank < 2; ++rank) ranks.wait_for(rank, "begun");
    ranks.send(1, signal);
    const auto ends = ranks.ends(1);
    EXPECT_EQ(ends[0].code, 1) << ends[0].output;
    EXPECT_LT(ends[0].seconds, 10);
    EXPECT_NE(ends[0].output.find("error: dist: rank 1 on "), std::string::npos) << ends[0].output;
  }
}

// Rank 0 ends its group while its all-reduce cannot be done, once because rank 1 takes its time
// and once because it is stopped.
TEST(RankProgram, DISABLED_EndsWhileBegun) {
  as_command([] {
    {
      ProcessGroup group(launch_of_this_process(), options_of_test());
      if (group.rank() == 0) group.begin_all_reduce(Tensor::full({100}, 1));
      say("begun");
      if (group.rank() == 0) wait_for_the_test();
      else
        for (;;) {
          std::this_thread::sleep_for(milliseconds(10));
          group.check();
        }
    }
    say("ended");
  });
}

TEST(BegunOperations, AGroupThatEndsDoesNotHangSlow) {
  WEFT_NEEDS_GLOO();
  for (const bool stopped : {false, true}) {
    const test_support::ScratchFolder folder("ranks");
    const std::string go = (folder.path() / "go").string();
    Ranks ranks(2, "RankProgram.DISABLED_EndsWhileBegun", {{"TEST_GO", go}});
    for (i64 rank = 0; rank < 2; ++rank) ranks.wait_for(rank, "begun");
    ranks.send(1, stopped ? SIGSTOP : SIGCONT);
    std::ofstream(go) << "";
    const auto ends = ranks.ends(stopped ? std::optional<i64>(1) : std::nullopt);
    EXPECT_EQ(ends[0].code, 0) << ends[0].output;
    EXPECT_LT(ends[0].seconds, 8);
    EXPECT_NE(ends[0].output.find("ended"), std::string::npos);
    if (stopped) continue;
    EXPECT_EQ(ends[1].code, 1);
    EXPECT_NE(ends[1].output.find("is lost in all-reduce: its group ended while operations were "
                                  "begun"),
              std::string::npos)
        << ends[1].output;
  }
}

TEST(RankProgram, DISABLED_WaitForOthers) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), options_of_test(milliseconds(500)));
    for (i64 root = 0; root < group.size(); ++root)
      EXPECT_EQ(group.broadcast_text("of rank " + std::to_string(group.rank()), root),
                "of rank " + std::to_string(root));
    EXPECT_EQ(group.broadcast_text(""), "");
    if (group.rank() == 0) std::this_thread::sleep_for(milliseconds(1500));  // beyond the timeout
    group.wait_for_others("the first");
    say("first");
    if (group.rank() == 0) wait_for_the_test();
    group.wait_for_others("the second");
    group.leave();
  });
}

TEST(WaitForOthers, IsLimitedByTheLossOfARankOnlySlow) {
  WEFT_NEEDS_GLOO();
  for (const bool killed : {false, true}) {
    const test_support::ScratchFolder folder("ranks");
    const std::string go = (folder.path() / "go").string();
    Ranks ranks(3, "RankProgram.DISABLED_WaitForOthers", {{"TEST_GO", go}});
    for (i64 rank = 0; rank < 3; ++rank) ranks.wait_for(rank, "first");
    if (!killed) std::ofstream(go) << "";
    else {
      std::this_thread::sleep_for(milliseconds(500));  // a pulse says what the rank waits in
      ranks.send(2, SIGKILL);
      ranks.wait_for(1, "is lost in the second: its connection has closed");
      std::ofstream(go) << "";
    }
    const auto ends = ranks.ends();
    for (const std::size_t rank : {0, 1})
      EXPECT_EQ(ends[rank].code, killed ? 1 : 0) << ends[rank].output;
  }
}

}  // namespace
}  // namespace weft::dist
