// SPDX-License-Identifier: Apache-2.0
// Tests of mistakes that the emulator itself reports.
#include "weft/device/emulated/memory.h"
#include "weft/device/gpu/gpu.h"
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

// Under AddressSanitizer, sanitizer_test.cpp has these.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

__global__ void writes_behind_an_array(unsigned at) {
  WEFT_SHARED(s, float[64]);
  volatile float* p = s;
  p[at] = 1;
}
TEST(BadKernel, WritesBehindSharedMemory) {
  DeviceArray<float> y(64);
  const auto run = [&](std::size_t floats) {
    return kernel_error([&] {
      launch<bugs::outside_dynamic>({.grid = 2, .block = 64, .smem = floats * sizeof(float)},
                                    y.data());
    });
  };
  EXPECT_FAULT(run(63), Fault::shared_overflow);
  EXPECT_SAYS(run(63), "kernel weft::bugs::outside_dynamic, block (0,0,0): byte 25");
  EXPECT_SAYS(run(63), "of dynamic_shared was written, which has 252 bytes");
  EXPECT_FAULT(run(0), Fault::shared_overflow);
  EXPECT_FALSE(run(64).has_value());
  const auto run_array = [](unsigned at) {
    return kernel_error([&] { launch<writes_behind_an_array>({}, at); });
  };
  EXPECT_FAULT(run_array(64), Fault::shared_overflow);
  EXPECT_FAULT(run_array(127), Fault::shared_overflow);
  EXPECT_SAYS(run_array(64), "of a WEFT_SHARED variable was written, which has 256 bytes");
  EXPECT_FALSE(run_array(63).has_value());
}

#endif

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

// Each stream refuses it; GpuTensor.AKernelIsGivenNoHostMemory has the stream of the tensors.
TEST(BadLaunch, HostMemoryIsRefused) {
  std::vector<float> on_host(32);
  DeviceArray<float> y(32);
  gpu::Stream stream;
  for (const StreamHandle handle : {StreamHandle{}, stream.handle()}) try {
      launch<bugs::with_syncwarp>({.block = 32, .stream = handle}, on_host.data());
      ADD_FAILURE() << "it was launched";
    } catch (const InternalError& error) {
      const std::string text = error.what();
      EXPECT_NE(text.find("kernel weft::bugs::with_syncwarp was given host memory at "
                          "bad_kernels_test.cpp:"),
                std::string::npos)
          << text;
    }
  launch<bugs::with_syncwarp>({.block = 32}, y.data());
  EXPECT_EQ(y.host()[4], 5.0f);
  // Part of an array, and the end of one, are the device's.
  EXPECT_TRUE(emulated::is_device_memory(y.data() + 31));
  EXPECT_TRUE(emulated::is_device_memory(y.data() + 32));
  EXPECT_FALSE(emulated::is_device_memory(on_host.data()));
  const float* returned = nullptr;
  {
    DeviceArray<float> other(32);
    returned = other.data();
  }
  EXPECT_FALSE(emulated::is_device_memory(returned));
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
