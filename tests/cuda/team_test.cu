// SPDX-License-Identifier: Apache-2.0
// Tests of the helpers of several kernels, called twice in a row. The second call must not
// overwrite shared memory that a slow thread still reads for the first.
#include <numeric>

#include "weft/kernels/common/columns.h"
#include "weft/tests/cuda/tools.h"

namespace weft::kernels::test {
namespace {

__global__ void combine_block_twice(double* y, const double* x) {
  const unsigned t = threadIdx.x;
  y[t] = block_combine(x[t], Plus{});
  y[kThreads + t] = block_combine(x[kThreads + t], Plus{});
}

TEST(CudaTeam, BlockCombineTwiceInARow) {
  Numbers numbers;
  const Array<double> x(2 * kThreads, numbers);
  const auto x64 = x.numbers();
  std::vector<double> wanted(kThreads, std::accumulate(x64.begin(), x64.begin() + kThreads, 0.0));
  wanted.resize(2 * kThreads, std::accumulate(x64.begin() + kThreads, x64.end(), 0.0));
  in_every_order([&] {
    Array<double> y(2 * kThreads);
    launch<combine_block_twice>(on(Cuda{}, 1), y.data(), x.data());
    expect_near(y, wanted);
  });
}

__global__ void sum_each_warp(float* y, const float* x) {
  const i64 i = first_index();
  y[i] = warp_combine(x[i], Plus{});
}

TEST(CudaTeam, WarpCombineTakesEachWarpByItself) {
  Array<float> x(192);
  for (i64 i = 0; i < x.size(); ++i) x[i] = static_cast<float>((i * 37 + 11) % 101);
  in_every_order([&] {
    Array<float> y(192);
    launch<sum_each_warp>({.grid = 2, .block = 96}, y.data(), x.data());
    for (i64 i = 0; i < x.size(); ++i) {
      float wanted = 0;
      for (i64 k = i / kWarp * kWarp; k < (i / kWarp + 1) * kWarp; ++k) wanted += x[k];
      EXPECT_EQ(y[i], wanted) << i;
    }
  });
}

__global__ void combine_warps_twice(TwoSums<float>* y, const float* x) {
  const unsigned t = threadIdx.x;
  for (int call = 0; call < 2; ++call) {
    const TwoSums<float> sums =
        combine_warps(TwoSums<float>{x[call * kThreads + t], 1.0f}, AddTwoSums{});
    if (t < kWarp) y[call * kWarp + static_cast<int>(t)] = sums;
  }
}

TEST(CudaTeam, CombineWarpsTwiceInARow) {
  Array<float> x(2 * kThreads);
  for (i64 i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  in_every_order([&] {
    Array<TwoSums<float>> y(2 * kWarp);
    launch<combine_warps_twice>(on(Cuda{}, 1), y.data(), x.data());
    for (i64 call = 0; call < 2; ++call) {
      for (i64 column = 0; column < kWarp; ++column) {
        float wanted = 0;
        for (i64 warp = 0; warp < kColumnWarps; ++warp)
          wanted += x[call * kThreads + warp * kWarp + column];
        EXPECT_EQ(y[call * kWarp + column].first, wanted);
        EXPECT_EQ(y[call * kWarp + column].second, static_cast<float>(kColumnWarps));
      }
    }
  });
}

struct TwoNumbers {
  i64 first, second;
};

__global__ void lane_values(TwoNumbers* y, const i64* x) {
  const int lane = static_cast<int>(threadIdx.x % kWarp);
  y[threadIdx.x] = lane_value(TwoNumbers{x[threadIdx.x], 2 * x[threadIdx.x]}, (lane + 5) % kWarp);
}

TEST(CudaTeam, LaneValueMovesWholeStructures) {
  Array<i64> x(2 * kWarp);
  for (i64 i = 0; i < x.size(); ++i) x[i] = (i + 1) << 33;
  in_every_order([&] {
    Array<TwoNumbers> y(2 * kWarp);
    launch<lane_values>({.grid = 1, .block = 2 * kWarp}, y.data(), x.data());
    for (i64 i = 0; i < x.size(); ++i) {
      const i64 from = i / kWarp * kWarp + (i % kWarp + 5) % kWarp;
      EXPECT_EQ(y[i].first, x[from]);
      EXPECT_EQ(y[i].second, 2 * x[from]);
    }
  });
}

}  // namespace
}  // namespace weft::kernels::test
