// SPDX-License-Identifier: Apache-2.0
// Tests of the emulated language itself: built-in variables, warp operations, atomics, memory.
#include <numeric>

#include "weft/tests/simt/simt_test_tools.h"
#include "weft/kernels/common/device.h"

namespace weft::testing {
namespace {

__global__ void writes_its_place(uint4* y) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  const unsigned threads = blockDim.x * blockDim.y * blockDim.z;
  y[block * threads + thread] =
      make_uint4(block, threadIdx.x, threadIdx.y, threadIdx.z + 100 * blockIdx.z);
}
TEST(Intrinsics, EveryThreadRunsOnceAndKnowsItsPlace) {
  in_every_order([] {
    constexpr unsigned kThreads = 5 * 3 * 2;
    DeviceArray<uint4> y(24 * kThreads);
    launch<writes_its_place>({.grid = dim3(4, 3, 2), .block = dim3(5, 3, 2)}, y.data());
    const std::vector<uint4> host = y.host();
    for (unsigned i = 0; i < host.size(); ++i) {
      const unsigned t = i % kThreads;
      EXPECT_EQ(host[i].x, i / kThreads);
      EXPECT_EQ(host[i].y, t % 5);
      EXPECT_EQ(host[i].z, t / 5 % 3);
      EXPECT_EQ(host[i].w, t / 15 + 100 * (i / kThreads / 12));
    }
  });
}

__global__ void shuffles(int* y) {
  const int t = static_cast<int>(threadIdx.x), n = static_cast<int>(blockDim.x);
  y[t] = __shfl_sync(kAllLanes, t, 5);
  y[n + t] = __shfl_up_sync(kAllLanes, t, 1);
  y[2 * n + t] = __shfl_down_sync(kAllLanes, t, 3, 16);
  y[3 * n + t] = __shfl_xor_sync(kAllLanes, t, 16);
  y[4 * n + t] = __shfl_sync(kAllLanes, t, 2, 8);
}
TEST(Intrinsics, ShufflesFollowCudasRules) {
  in_every_order([] {
    constexpr int kThreads = 64;
    DeviceArray<int> y(5 * kThreads);
    launch<shuffles>({.grid = 1, .block = kThreads}, y.data());
    const std::vector<int> host = y.host();
    const auto at = [&](int row, int t) {
      return host[static_cast<std::size_t>(row) * kThreads + static_cast<std::size_t>(t)];
    };
    for (int t = 0; t < kThreads; ++t) {
      const int warp = t / 32 * 32, lane = t % 32;
      EXPECT_EQ(at(0, t), warp + 5);
      EXPECT_EQ(at(1, t), lane == 0 ? t : t - 1);        // the first lane keeps its own value
      EXPECT_EQ(at(2, t), t % 16 + 3 < 16 ? t + 3 : t);  // within groups of 16
      EXPECT_EQ(at(3, t), warp + (lane ^ 16));
      EXPECT_EQ(at(4, t), t / 8 * 8 + 2);
    }
  });
}

__global__ void wide_shuffle(double* y) {
  const double mine = 1.0 / (1.0 + threadIdx.x);
  y[threadIdx.x] = __shfl_down_sync(kAllLanes, mine, 31);
}
TEST(Intrinsics, ShufflesEightBytes) {
  DeviceArray<double> y(32);
  launch<wide_shuffle>({.grid = 1, .block = 32}, y.data());
  EXPECT_EQ(y.host()[0], 1.0 / 32);
}

__global__ void votes(unsigned* y) {
  const unsigned t = threadIdx.x;
  y[t] = __ballot_sync(kAllLanes, t % 3 == 0);
  y[64 + t] = static_cast<unsigned>(__any_sync(kAllLanes, t == 40));
  y[128 + t] = static_cast<unsigned>(__all_sync(kAllLanes, t < 40));
  y[192 + t] = __match_any_sync(kAllLanes, t / 4);
  y[256 + t] = static_cast<unsigned>(__syncthreads_count(t < 50));
  y[320 + t] = static_cast<unsigned>(__syncthreads_and(t < 50));
  y[384 + t] = static_cast<unsigned>(__syncthreads_or(t == 63));
  // Only some lanes take part.
  if (t % 32 < 8) y[448 + t] = __ballot_sync(0xffu, t % 2);
}
TEST(Intrinsics, Votes) {
  in_every_order([] {
    DeviceArray<unsigned> y(512);
    launch<votes>({.grid = 1, .block = 64}, y.data());
    const std::vector<unsigned> host = y.host();
    unsigned thirds = 0;
    for (unsigned lane = 0; lane < 32; ++lane) thirds |= (lane % 3 == 0 ? 1u : 0u) << lane;
    EXPECT_EQ(host[7], thirds);
    EXPECT_EQ(host[64], 0u);
    EXPECT_EQ(host[64 + 33], 1u);
    EXPECT_EQ(host[128], 1u);
    EXPECT_EQ(host[128 + 33], 0u);
    EXPECT_EQ(host[192 + 6], 0xf0u);
    for (unsigned t = 0; t < 64; ++t) {
      EXPECT_EQ(host[256 + t], 50u);
      EXPECT_EQ(host[320 + t], 0u);
      EXPECT_EQ(host[384 + t], 1u);
    }
    EXPECT_EQ(host[448], 0xaau);
    EXPECT_EQ(host[448 + 39], 0xaau);
  });
}

__global__ void atomics(int* i, unsigned* u, float* f, unsigned long long* w) {
  const int t = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  atomicAdd(&i[0], t);
  atomicMax(&i[1], t);
  atomicMin(&i[2], -t);
  atomicSub(&i[3], 1);
  atomicInc(&u[0], 6u);
  atomicOr(&u[1], 1u << (t % 32));
  atomicXor(&u[2], 1u);
  atomicAnd(&u[3], ~(1u << (t % 8)));
  atomicAdd(f, 0.5f);
  atomicAdd(w, 1ull << 33);
  if (t == 9) atomicCAS(&i[4], 0, 77);
  if (t == 9) i[5] = atomicExch(&i[6], 5);
}
TEST(Intrinsics, Atomics) {
  in_every_order([] {
    DeviceArray<int> i(std::vector<int>(7, 0));
    DeviceArray<unsigned> u(std::vector<unsigned>{0, 0, 0, 0xffu});
    DeviceArray<float> f(std::vector<float>{0});
    DeviceArray<unsigned long long> w(std::vector<unsigned long long>{0});
    launch<atomics>({.grid = 4, .block = 25}, i.data(), u.data(), f.data(), w.data());
    EXPECT_EQ(i.host(), (std::vector<int>{4950, 99, -99, -100, 77, 0, 5}));
    EXPECT_EQ(u.host(), (std::vector<unsigned>{100 % 7, 0xffffffffu, 0, 0}));
    EXPECT_EQ(f.host()[0], 50.0f);
    EXPECT_EQ(w.host()[0], 100ull << 33);
  });
}

// Variables of the same name in two functions are distinct, and every block finds both with their
// initial filling.
__device__ float helper() {
  WEFT_SHARED(value, float);
  const bool fresh = value != value;  // NaN
  __syncthreads();
  value = 1;
  return fresh ? 1.0f : 0.0f;
}
__global__ void fresh_shared(float* y) {
  WEFT_SHARED(value, float[2]);
  const float before = value[0] != value[0] ? 1.0f : 0.0f;
  __syncthreads();
  if (threadIdx.x == 0) value[0] = 5;
  const float of_helper = helper();
  if (threadIdx.x == 0) y[blockIdx.x] = before + of_helper;
}
TEST(SharedMemory, IsFreshForEveryBlockAndVariable) {
  DeviceArray<float> y(3);
  launch<fresh_shared>({.grid = 3, .block = 1}, y.data());
  EXPECT_EQ(y.host(), (std::vector<float>{2, 2, 2}));
}

__global__ void too_much_shared() {
  WEFT_SHARED(a, float[8][1024]);
  WEFT_SHARED(b, float[5][1024]);
  a[0][threadIdx.x] = b[0][threadIdx.x];
}
TEST(SharedMemory, MoreThan48KilobytesIsAnError) {
  const auto error = kernel_error([] { launch<too_much_shared>({.grid = 1, .block = 1}); });
  EXPECT_FAULT(error, simt::Fault::trap);
  EXPECT_SAYS(error, "more than 48 KiB");
}

// The kernel needs a stack aligned as the ABI requires; otherwise a vector store to it would fault.
__global__ void uses_the_stack(float* y) {
  alignas(64) volatile float local[64];
  for (int i = 0; i < 64; ++i) local[i] = static_cast<float>(i + static_cast<int>(threadIdx.x));
  __syncthreads();
  float sum = 0;
  for (int i = 0; i < 64; ++i) sum += local[i];
  y[threadIdx.x] = reinterpret_cast<std::uintptr_t>(&local[0]) % 64 == 0 ? sum : -1.0f;
}
TEST(Fibers, HaveAlignedStacksOfTheirOwn) {
  in_every_order([] {
    DeviceArray<float> y(100);
    launch<uses_the_stack>({.grid = 1, .block = 100}, y.data());
    const std::vector<float> host = y.host();
    for (int t = 0; t < 100; ++t)
      EXPECT_EQ(host[static_cast<std::size_t>(t)], static_cast<float>(2016 + 64 * t));
  });
}

// The first lane to run gets the first number, so the result shows the order.
__global__ void take_numbers(unsigned* y, unsigned* next) { y[threadIdx.x] = atomicAdd(next, 1u); }
std::vector<unsigned> numbers_taken(const simt::Options& options) {
  const simt::ScopedOptions scoped(options);
  DeviceArray<unsigned> y(100), next(std::vector<unsigned>{0});
  launch<take_numbers>({.block = 100}, y.data(), next.data());
  return y.host();
}
TEST(Order, IsWhatWasAskedFor) {
  std::vector<unsigned> forward(100), reverse(100);
  std::iota(forward.begin(), forward.end(), 0u);
  std::iota(reverse.rbegin(), reverse.rend(), 0u);
  EXPECT_EQ(numbers_taken({}), forward);
  EXPECT_EQ(numbers_taken({.order = simt::Order::reverse}), reverse);
  const std::vector<unsigned> first = numbers_taken({.order = simt::Order::random, .seed = 1});
  EXPECT_NE(first, forward);
  EXPECT_EQ(first, numbers_taken({.order = simt::Order::random, .seed = 1}));
  EXPECT_NE(first, numbers_taken({.order = simt::Order::random, .seed = 2}));
}

}  // namespace
}  // namespace weft::testing
