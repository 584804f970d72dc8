// SPDX-License-Identifier: Apache-2.0
// Tests of mistakes that the emulator itself reports.
#include "weft/tests/simt/planted_bugs.cuh"
#include "weft/tests/simt/simt_test_tools.h"

namespace weft::testing {
namespace {

using simt::Fault;

TEST(BadKernel, DivergentBarrier) {
  DeviceArray<float> y(64);
  const auto error =
      kernel_error([&] { launch<bugs::divergent_barrier>({.grid = 1, .block = 64}, y.data()); });
  EXPECT_FAULT(error, Fault::barrier_divergence);
  EXPECT_SAYS(error, "kernel weft::bugs::divergent_barrier, block (0,0,0)");
  EXPECT_SAYS(error, "40 thread(s) wait in __syncthreads at " + line_of("divergent first") +
                         ", first: thread (0,0,0)");
  EXPECT_SAYS(error, "24 thread(s) wait in __syncthreads at " + line_of("divergent second") +
                         ", first: thread (40,0,0)");
  EXPECT_SAYS(error, "launched at bad_kernels_test.cpp:");
}

TEST(BadKernel, EarlyReturnBeforeABarrier) {
  DeviceArray<float> y(64);
  const auto run = [&] { launch<bugs::early_return>({.grid = 1, .block = 64}, y.data(), 50u); };
  const auto error = kernel_error(run);
  EXPECT_FAULT(error, Fault::barrier_divergence);
  EXPECT_SAYS(error, "50 thread(s) wait in __syncthreads at " + line_of("early return"));
  EXPECT_SAYS(error, "14 thread(s) exited the kernel, first: thread (50,0,0)");
  // Recent GPUs let such a barrier pass.
  const simt::ScopedOptions tolerant({.strict_exit = false});
  EXPECT_FALSE(kernel_error(run).has_value());
}

TEST(BadKernel, ShuffleWithAbsentLanes) {
  DeviceArray<float> y(48);
  const auto error = kernel_error(
      [&] { launch<bugs::shuffle_with_absent_lanes>({.grid = 1, .block = 48}, y.data()); });
  EXPECT_FAULT(error, Fault::inactive_lane);
  EXPECT_SAYS(error, "at " + line_of("absent lanes") + " reads lane 16");
  EXPECT_SAYS(error,
              "kernel weft::bugs::shuffle_with_absent_lanes, block (0,0,0), thread (32,0,0)");
}

TEST(BadKernel, ShuffleInABranch) {
  DeviceArray<float> y(64);
  const auto error =
      kernel_error([&] { launch<bugs::shuffle_in_a_branch>({.grid = 1, .block = 64}, y.data()); });
  EXPECT_FAULT(error, Fault::barrier_divergence);
  EXPECT_SAYS(error, "wait in __shfl_*_sync (mask 0xffffffff) at " + line_of("branch shuffle"));
  EXPECT_SAYS(error, "wait in __syncthreads at " + line_of("branch barrier"));
}

TEST(BadKernel, LaneOutsideItsMask) {
  DeviceArray<unsigned> y(32);
  const auto error = kernel_error(
      [&] { launch<bugs::lane_outside_its_mask>({.grid = 1, .block = 32}, y.data()); });
  EXPECT_FAULT(error, Fault::warp_mask);
  EXPECT_SAYS(error, "at " + line_of("own mask"));
  EXPECT_SAYS(error, "thread (16,0,0)");
}

TEST(BadKernel, LanesOfOneMaskInDifferentOperations) {
  DeviceArray<unsigned> y(32);
  const auto error =
      kernel_error([&] { launch<bugs::different_operations>({.grid = 1, .block = 32}, y.data()); });
  EXPECT_FAULT(error, Fault::warp_mask);
  EXPECT_SAYS(error, line_of("ballot half"));
  EXPECT_SAYS(error, "another lane of its mask is in __syncwarp");
}

TEST(BadKernel, BlockThatWaitsForAnother) {
  DeviceArray<unsigned> flag(std::vector<unsigned>{0});
  const auto error = kernel_error(
      [&] { launch<bugs::waits_for_another_block>({.grid = 2, .block = 1}, flag.data()); });
  EXPECT_FAULT(error, Fault::trap);
  EXPECT_SAYS(error, "spins on an atomic");
  EXPECT_SAYS(error, line_of("spins"));
}

TEST(BadKernel, Trap) {
  const auto error = kernel_error([] { launch<bugs::traps>({.grid = 3, .block = 64}, 33); });
  EXPECT_FAULT(error, Fault::trap);
  EXPECT_SAYS(error, line_of("trap"));
  EXPECT_SAYS(error, "kernel weft::bugs::traps, block (0,0,0), thread (33,0,0)");
}

__global__ void throws() { throw std::runtime_error("from inside"); }
TEST(BadKernel, Exception) {
  const auto error = kernel_error([] { launch<throws>({.grid = 1, .block = 2}); });
  EXPECT_FAULT(error, Fault::exception);
  EXPECT_SAYS(error, "from inside");
}

TEST(BadKernel, TheEmulatorGoesOnAfterAFault) {
  DeviceArray<float> y(64);
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(kernel_error([&] {
                  launch<bugs::divergent_barrier>({.grid = 4, .block = 64}, y.data());
                }).has_value());
    launch<bugs::with_syncwarp>({.grid = 1, .block = 32}, y.data());
    EXPECT_EQ(y.host()[4], 5.0f);
  }
}

TEST(BadLaunch, NamesKernelLimitAndCaller) {
  const auto error_of = [](const LaunchConfig& config) {
    return kernel_error([&] { launch<bugs::traps>(config, 5000); });
  };
  auto error = error_of({.grid = 1, .block = 2048});
  EXPECT_FAULT(error, Fault::bad_launch);
  EXPECT_SAYS(error, "launch: kernel weft::bugs::traps with 2048 threads per block; 1 to 1024");
  EXPECT_SAYS(error, "launched at bad_kernels_test.cpp:");
  error = error_of({.grid = 1, .block = dim3(1, 0, 1)});
  EXPECT_FAULT(error, Fault::bad_launch);
  error = error_of({.grid = 1, .block = dim3(1, 1, 65)});
  EXPECT_FAULT(error, Fault::bad_launch);
  error = error_of({.grid = dim3(1, 70000), .block = 32});
  EXPECT_FAULT(error, Fault::bad_launch);
  EXPECT_SAYS(error, "a grid of (1,70000,1) blocks");
  error = error_of({.grid = 1, .block = 32, .smem = std::size_t{1} << 20});
  EXPECT_FAULT(error, Fault::bad_launch);
  EXPECT_SAYS(error, "1048576 bytes of dynamic shared memory");
}

TEST(BadLaunch, AGridOfNoBlocksDoesNothing) { launch<bugs::traps>({.grid = 0, .block = 32}, 0); }

template <auto Kernel, class... A>
concept Launches = requires(A... arguments) {
  launch<Kernel>(LaunchConfig{}, arguments...);
};
static_assert(Launches<bugs::misaligned, float*, const float*>);
static_assert(Launches<bugs::misaligned, float*, float*>);
static_assert(!Launches<bugs::misaligned, float*>, "too few arguments");
static_assert(!Launches<bugs::misaligned, float*, int>, "a number for a pointer");
static_assert(!Launches<bugs::misaligned, const float*, const float*>, "const must not vanish");

}  // namespace
}  // namespace weft::testing
