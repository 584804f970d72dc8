// SPDX-License-Identifier: Apache-2.0
#include <weft/device/simt/simt.h>
#include <weft/kernels/device.h>

#include "../gpu_array.h"
#include "exercise.h"

__global__ void scale(float* x, float factor, unsigned n);
__global__ void reverse(float* x);
__global__ void warp_sum(float* sum, const float* x);

namespace {

using namespace weft;

// Runs a test with the threads in three orders.
template <class Test>
void in_orders(const Test& test) {
  for (const simt::Order order :
       {simt::Order::forward, simt::Order::reverse, simt::Order::random}) {
    const simt::ScopedOptions options({.order = order, .seed = 1});
    test();
  }
}
std::vector<double> doubles(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

void test_1() {
  std::vector<double> wanted(50, 6);
  wanted.insert(wanted.end(), 14, 2);  // behind the numbers
  in_orders([&] {
    const GpuArray x(std::vector<float>(64, 2));
    launch<scale>({.grid = 2, .block = 32}, x.data(), 3.0f, 50u);
    learn::expect("scale() of 50 twos by 3, with 14 more behind them", doubles(x.host()), wanted);
  });
}

void test_2() {
  std::vector<float> numbers;
  for (int i = 0; i < 64; ++i) numbers.push_back(static_cast<float>(i));
  const std::vector<double> wanted(numbers.rbegin(), numbers.rend());
  in_orders([&] {
    const GpuArray x(numbers);
    launch<reverse>({.grid = 1, .block = 64}, x.data());
    learn::expect("reverse() of 0, 1, ..., 63", doubles(x.host()), wanted);
  });
}

void test_3() {
  std::vector<float> numbers;
  for (int i = 0; i < 32; ++i) numbers.push_back(static_cast<float>(i * i));
  in_orders([&] {
    const GpuArray x(numbers), sum({0});
    launch<warp_sum>({.grid = 1, .block = 32}, sum.data(), x.data());
    learn::expect("warp_sum() of the squares of 0, 1, ..., 31", sum.host()[0], 10416);
  });
}

}  // namespace

int main(int argc, char** argv) { return learn::run(argc, argv, {test_1, test_2, test_3}); }
