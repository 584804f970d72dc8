// SPDX-License-Identifier: Apache-2.0
// Numbers in the memory of the GPU, which the host cannot read. It copies them there and back.
#pragma once
#include <weft/device/allocator.h>
#include <weft/device/gpu/gpu.h>

#include <vector>

class GpuArray {
 public:
  explicit GpuArray(std::vector<float> values)
      : values_(std::move(values)), data_(weft::allocate(weft::Cuda{}, bytes())) {
    weft::gpu::copy_to_device(nullptr, data_, values_.data(), bytes());
  }
  ~GpuArray() { weft::deallocate(weft::Cuda{}, data_, bytes()); }
  GpuArray(const GpuArray&) = delete;
  GpuArray& operator=(const GpuArray&) = delete;

  float* data() const { return static_cast<float*>(data_); }
  // A copy on the host. Waits for the kernels before.
  std::vector<float> host() const {
    std::vector<float> copy(values_.size());
    weft::gpu::copy_to_host(nullptr, copy.data(), data_, bytes());
    return copy;
  }

 private:
  weft::i64 bytes() const { return static_cast<weft::i64>(values_.size() * sizeof(float)); }
  std::vector<float> values_;
  void* data_;
};
