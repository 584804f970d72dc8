// SPDX-License-Identifier: Apache-2.0
#include "weft/dist/process_group.h"

#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include <gtest/gtest.h>

#include "weft/core/error.h"
#include "weft/tests/dist/ranks.h"

namespace weft::dist {
namespace {

using std::chrono::milliseconds;

// As the command does it.
[[noreturn]] void end_stuck(const std::string& sentence) {
  std::printf("error: %s\n", sentence.c_str());
  std::fflush(stdout);
  std::_Exit(1);
}

Launch launch_of_this_process() {
  return launch_of([](const char* name) { return std::getenv(name); }).value();
}

// Runs a program of a rank, as the command does: an error is a sentence and an exit code.
template <class F>
void as_command(F&& program) {
  int code = 0;
  std::signal(SIGPIPE, SIG_IGN);
  try {
    program();
  } catch (const Error& error) {
    std::printf("error: %s\n", error.what());
    code = error.exit_code();
  }
  std::fflush(stdout);
  std::_Exit(testing::Test::HasFailure() ? 9 : code);
}

// Element i of rank r, exact in each dtype.
double value(i64 rank, i64 i) { return static_cast<double>((i * 7 + rank * 3) % 11); }
double total(i64 size, i64 i) {
  double sum = 0;
  for (i64 rank = 0; rank < size; ++rank) sum += value(rank, i);
  return sum;
}

template <class F>
Tensor filled(i64 elements, DType dtype, F&& f) {
  std::vector<double> values;
  for (i64 i = 0; i < elements; ++i) values.push_back(f(i));
  return Tensor::copy_of(values, {elements}).to(dtype);
}
template <class F>
void expect_values(const Tensor& x, F&& f) {
  const auto values = x.to(DType::f64).to_vector<double>();
  for (i64 i = 0; i < x.elements(); ++i)
    ASSERT_EQ(values[static_cast<std::size_t>(i)], f(i))
        << i << " of " << x.elements() << " " << name_of(x.dtype());
}

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

// Tests that start ranks are skipped in a build without Gloo.
#ifdef WEFT_HAS_GLOO
#define WEFT_NEEDS_GLOO()
#else
#define WEFT_NEEDS_GLOO() GTEST_SKIP() << "this build has no libweft_gloo.so"
#endif

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

TEST(RankProgram, DISABLED_OneDoesNotTakePart) {
  as_command([] {
    ProcessGroup group(
        launch_of_this_process(),
        {.build_and_config = "b", .timeout = milliseconds(1500), .silence = milliseconds(5000)});
    if (group.rank() == 1) std::this_thread::sleep_for(milliseconds(6000));
    group.barrier();
  });
}

TEST(ProcessGroup, ALiveRankMayKeepOthersWaitingForTheTimeoutOnlySlow) {
  WEFT_NEEDS_GLOO();
  Ranks ranks(2, "RankProgram.DISABLED_OneDoesNotTakePart");
  const auto ends = ranks.ends();
  EXPECT_EQ(ends[0].code, 1);
  EXPECT_NE(ends[0].output.find("error: dist: barrier has not ended ("), std::string::npos)
      << ends[0].output;
  EXPECT_EQ(ends[1].code, 1);
  EXPECT_NE(ends[1].output.find("is lost in barrier: barrier has not ended"), std::string::npos)
      << ends[1].output;
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
    EXPECT_NE(end.output.find("has another config or build than rank 0"), std::string::npos)
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
