// SPDX-License-Identifier: Apache-2.0
// A kernel that sums eight numbers, with its barriers and without, in four orders of its threads.
#include <weft/device/simt/simt.h>
#include <weft/kernels/device.h>
#include <weft/weft.h>

#include <cstdio>

using namespace weft;

namespace {

// One thread for each element.
__global__ void where_am_i(float* y) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = static_cast<float>(100 * blockIdx.x + threadIdx.x);
}

// The block adds the upper half of its numbers to the lower half until one number is left.
template <bool kBarriers>
__global__ void block_sum(float* sum, const float* x) {
  WEFT_SHARED(s, float[8]);
  const unsigned t = threadIdx.x;
  s[t] = x[t];
  __syncthreads();
  for (unsigned half = 4; half > 0; half /= 2) {
    if (t < half) s[t] += s[t + half];
    if constexpr (kBarriers) __syncthreads();
  }
  if (t == 0) *sum = s[0];
}

template <auto Kernel, class... A>
void run(const Tensor& y, unsigned grid, unsigned block, A... arguments) {
  const StreamHandle stream = std::get<Cuda>(y.device()).stream;
  launch<Kernel>({.grid = grid, .block = block, .stream = stream}, y.data<float>(), arguments...);
  for (const float v : y.to_vector<float>()) std::printf(" %g", v);  // waits for the kernel
}

}  // namespace

int main() {
  const Device gpu = device_named("cuda");
  const Tensor places = Tensor::empty({12}, DType::f32, gpu), sum = Tensor::empty({1}, DType::f32, gpu);
  const Tensor x = arange(1, 9, DType::f32).to(gpu);
  std::printf("3 blocks of 4 threads:");
  run<where_am_i>(places, 3, 4);
  const simt::Options orders[] = {{}, {.order = simt::Order::reverse},
                                  {.order = simt::Order::random, .seed = 1},
                                  {.order = simt::Order::random, .seed = 2}};
  for (const simt::Options& order : orders) {
    const simt::ScopedOptions scoped(order);
    std::printf("\n%s: with barriers", order.order == simt::Order::forward ? "forward" : order.order == simt::Order::reverse ? "reverse" : "random ");
    run<block_sum<true>>(sum, 1, 8, x.data<float>());
    std::printf(", without");
    run<block_sum<false>>(sum, 1, 8, x.data<float>());
  }
  std::printf("\n");
}
