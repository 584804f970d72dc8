// SPDX-License-Identifier: Apache-2.0
#include "weft/testing/kernel_test.h"

#include <stdexcept>

#include <cuda_runtime_api.h>

namespace weft::testing {
namespace {

void check(cudaError_t error) {
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
}

}  // namespace

// A real device chooses the order itself, so one run suffices.
void in_every_order(const std::function<void()>& body) {
  body();
  check(cudaDeviceSynchronize());
}

namespace detail {

void* device_array(i64 bytes) {
  void* memory = nullptr;
  const auto size = static_cast<std::size_t>(bytes);
  check(cudaMalloc(&memory, size + 1));
  check(cudaMemset(memory, 0xff, size));
  return memory;
}
void free_device_array(void* memory, i64) { cudaFree(memory); }
void copy_to_device(void* to, const void* from, i64 bytes) {
  check(cudaMemcpy(to, from, static_cast<std::size_t>(bytes), cudaMemcpyHostToDevice));
}
void copy_to_host(void* to, const void* from, i64 bytes) {
  check(cudaMemcpy(to, from, static_cast<std::size_t>(bytes), cudaMemcpyDeviceToHost));
}

}  // namespace detail
}  // namespace weft::testing
