// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/block_reduce.cuh"

#include <cmath>
#include <numeric>

#include <gtest/gtest.h>

#include "weft/testing/kernel_test.h"

namespace weft::testing {
namespace {

using kernels::block_reduce;
using kernels::Max;
using kernels::Sum;
using kernels::warp_reduce;

// Twice in a row and the same instantiation: the second call must not overwrite what a slow thread still
// reads of the first. Every thread writes what it got.
template <class Op, class T>
__global__ void reduce_twice(T* y, const T* x) {
  const unsigned t = threadIdx.x, n = blockDim.x;
  y[t] = block_reduce<Op>(x[t]);
  y[n + t] = block_reduce<Op>(x[n + t]);
}

template <class T>
std::vector<T> numbers(unsigned n) {
  std::vector<T> x;
  for (unsigned i = 0; i < n; ++i) x.push_back(static_cast<T>((i * 37u + 11u) % 101u));
  return x;
}

template <class T>
void expect_sums_and_maxima(unsigned threads) {
  const std::vector<T> x = numbers<T>(2 * threads);
  const auto second = x.begin() + threads;
  const DeviceArray<T> x_device(x);
  DeviceArray<T> y(2 * threads);
  launch<reduce_twice<Sum, T>>({.grid = 1, .block = threads}, y.data(), x_device.data());
  std::vector<T> wanted(threads, std::accumulate(x.begin(), second, T(0)));
  wanted.resize(2 * threads, std::accumulate(second, x.end(), T(0)));
  EXPECT_EQ(y.host(), wanted) << threads << " threads";
}

TEST(BlockReduce, TwiceInARow) {
  in_every_order([] {
    for (const unsigned threads : {32u, 64u, 96u, 256u}) {
      expect_sums_and_maxima<float>(threads);
      expect_sums_and_maxima<double>(threads);
      expect_sums_and_maxima<int>(threads);
    }
  });
}

TEST(BlockReduce, MaxKeepsNaNAndNegatives) {
  in_every_order([] {
    std::vector<float> x(128, -5.0f);
    x[3] = -2.0f;
    x[64 + 40] = NAN;
    const DeviceArray<float> x_device(x);
    DeviceArray<float> y(128);
    launch<reduce_twice<Max, float>>({.grid = 1, .block = 64}, y.data(), x_device.data());
    const std::vector<float> host = y.host();
    for (std::size_t t = 0; t < 64; ++t) {
      EXPECT_EQ(host[t], -2.0f);
      EXPECT_TRUE(std::isnan(host[64 + t]));
    }
  });
}

__global__ void reduce_each_warp(float* y, const float* x) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = warp_reduce<Sum>(x[i]);
}

TEST(WarpReduce, SumsEachWarpByItself) {
  in_every_order([] {
    const std::vector<float> x = numbers<float>(192);
    const DeviceArray<float> x_device(x);
    DeviceArray<float> y(192);
    launch<reduce_each_warp>({.grid = 2, .block = 96}, y.data(), x_device.data());
    const std::vector<float> host = y.host();
    for (std::size_t i = 0; i < 192; ++i) {
      const auto begin = x.begin() + static_cast<std::ptrdiff_t>(i / 32 * 32);
      EXPECT_EQ(host[i], std::accumulate(begin, begin + 32, 0.0f));
    }
  });
}

}  // namespace
}  // namespace weft::testing
