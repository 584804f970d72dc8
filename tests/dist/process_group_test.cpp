// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/process_group.h"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "weft/tests/dist/rank_program.h"
#include "weft/tests/dist/ranks.h"

namespace weft::dist {
namespace {

using std::chrono::milliseconds;

TEST(RankProgram, DISABLED_Collectives) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), {.build_and_config = "b"});
    const i64 rank = group.rank(), size = group.size();
    for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::int64}) {
      for (const i64 elements : {1, 2, 5, 1000, 70001}) {
        const Tensor x = filled(elements, dtype, [&](i64 i) { return value(rank, i); });
        group.all_reduce(x);
        expect_values(x, [&](i64 i) { return total(size, i); });

        const Tensor whole = filled(elements * size, dtype, [&](i64 i) { return value(rank, i); });
        const Tensor part = Tensor::empty({elements}, dtype);
        group.reduce_scatter(whole, part);
        expect_values(part, [&](i64 i) { return total(size, rank * elements + i); });

        const Tensor all = Tensor::empty({elements * size}, dtype);
        group.all_gather(filled(elements, dtype, [&](i64 i) { return value(rank, i); }), all);
        expect_values(all, [&](i64 i) { return value(i / elements, i % elements); });

        for (i64 root = 0; root < size; ++root) {
          const Tensor y = filled(elements, dtype, [&](i64 i) { return value(rank, i); });
          group.broadcast(y, root);
          expect_values(y, [&](i64 i) { return value(root, i); });
        }
      }
    }
    group.barrier();
    group.leave();
  });
}

class Collectives : public testing::TestWithParam<i64> {};

TEST_P(Collectives, OfAllDtypesAndSizesSlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(GetParam(), "RankProgram.DISABLED_Collectives");
  for (const auto& end : ranks.ends()) EXPECT_EQ(end.code, 0) << end.output;
}

INSTANTIATE_TEST_SUITE_P(Ranks, Collectives, testing::Values(2, 3, 4));

TEST(RankProgram, DISABLED_Many) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(),
                       {.build_and_config = "b",
                        .timeout = milliseconds(std::atoi(std::getenv("TEST_TIMEOUT"))),
                        .silence = milliseconds(2000),
                        .when_stuck = end_stuck});
    std::printf("begun\n");
    std::fflush(stdout);
    const Tensor x = Tensor::full({100000}, 1);
    for (;;) {
      group.all_reduce(x);
      x.fill(1);
    }
  });
}

TEST(ProcessGroup, AKilledRankEndsTheOthersSlow) {
  WEFT_NEEDS_GLOO();
  for (const i64 victim : {0, 2}) {
    Ranks ranks(3, "RankProgram.DISABLED_Many", {{"TEST_TIMEOUT", "60000"}});
    for (i64 rank = 0; rank < 3; ++rank) ranks.wait_for(rank, "begun");
    ranks.send(victim, SIGKILL);
    const auto ends = ranks.ends();
    for (i64 rank = 0; rank < 3; ++rank) {
      const auto& end = ends[static_cast<std::size_t>(rank)];
      if (rank == victim) continue;
      EXPECT_EQ(end.code, 1) << end.output;
      EXPECT_LT(end.seconds, 10);
      EXPECT_NE(end.output.find(fmt::format("error: dist: rank {} on ", victim)), std::string::npos)
          << end.output;
    }
  }
}

TEST(ProcessGroup, AStoppedRankEndsTheOthersSlow) {
  WEFT_NEEDS_GLOO();
  for (const i64 victim : {0, 1}) {
    Ranks ranks(3, "RankProgram.DISABLED_Many", {{"TEST_TIMEOUT", "60000"}});
    for (i64 rank = 0; rank < 3; ++rank) ranks.wait_for(rank, "begun");
    ranks.send(victim, SIGSTOP);
    const auto ends = ranks.ends(victim);
    for (i64 rank = 0; rank < 3; ++rank) {
      const auto& end = ends[static_cast<std::size_t>(rank)];
      if (rank == victim) continue;
      EXPECT_EQ(end.code, 1) << end.output;
      EXPECT_LT(end.seconds, 10);
      EXPECT_NE(end.output.find("it gave no sign of life for 2 s"), std::string::npos)
          << end.output;
    }
  }
}

TEST(RankProgram, DISABLED_OneComesLate) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), {.build_and_config = "b",
                                                  .timeout = milliseconds(1500),
                                                  .silence = milliseconds(2000),
                                                  .when_stuck = end_stuck});
    group.doing("the forward pass");
    const auto sleep = [] { std::this_thread::sleep_for(milliseconds(6000)); };
    if (group.rank() == 1) {
      if (std::getenv("TEST_PATIENT") != nullptr) group.patiently(sleep);
      else sleep();
    }
    group.barrier();
    std::printf("together\n");
  });
}

TEST(ProcessGroup, ALiveRankMayKeepOthersWaitingForTheTimeoutOnlySlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(2, "RankProgram.DISABLED_OneComesLate");
  const auto ends = ranks.ends();
  EXPECT_EQ(ends[0].code, 1);
  for (const auto& end : ends)
    EXPECT_NE(end.output.find("keeps rank 0 waiting in barrier for more than 1.5 s, and is at the "
                              "forward pass; all ranks are required"),
              std::string::npos)
        << end.output;
  EXPECT_EQ(ends[1].code, 1);
}

TEST(ProcessGroup, ARankThatReadsDataMayTakeItsTimeSlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(2, "RankProgram.DISABLED_OneComesLate", {{"TEST_PATIENT", "1"}});
  for (const auto& end : ranks.ends()) {
    EXPECT_EQ(end.code, 0);
    EXPECT_NE(end.output.find("together"), std::string::npos) << end.output;
  }
}

TEST(RankProgram, DISABLED_AnotherConfig) {
  as_command([] {
    const Launch launch = launch_of_this_process();
    ProcessGroup group(launch, {.build_and_config = std::to_string(launch.rank / 2)});
  });
}

TEST(ProcessGroup, AnotherConfigIsRefusedAtAllRanks) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(3, "RankProgram.DISABLED_AnotherConfig");
  for (const auto& end : ranks.ends()) {
    EXPECT_EQ(end.code, 2) << end.output;
    EXPECT_NE(end.output.find("has another config, build or kind of device than rank 0: '"),
              std::string::npos)
        << end.output;
  }
}

TEST(RankProgram, DISABLED_OneNeverComes) {
  as_command([] {
    const Launch launch = launch_of_this_process();
    if (launch.rank == 1) return;
    ProcessGroup group(launch, {.build_and_config = "b", .timeout = milliseconds(1000)});
  });
}

TEST(ProcessGroup, ARankThatDoesNotComeIsNamedSlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(3, "RankProgram.DISABLED_OneNeverComes");
  const auto ends = ranks.ends();
  for (const std::size_t rank : {0, 2}) {
    EXPECT_EQ(ends[rank].code, 2);
    EXPECT_NE(ends[rank].output.find(
                  "error: dist: rank 1 of 3 has not come within 1 s; all are required"),
              std::string::npos)
        << ends[rank].output;
  }
}

}  // namespace
}  // namespace weft::dist
