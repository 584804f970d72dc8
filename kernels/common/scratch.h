// SPDX-License-Identifier: Apache-2.0
// Temporary memory for one call of a kernel, from the device's caching allocator. On a GPU it is
// returned to the allocator before the kernel has run (Note [Stream-ordered memory]).
#pragma once
#include <type_traits>

#include "weft/device/allocator.h"
#include "weft/device/gpu/allocator.h"

namespace weft::kernels {

template <class T, class D = Cuda>
class Scratch {
 public:
  Scratch(D device, i64 elements)
      : device_(device), bytes_(elements * static_cast<i64>(sizeof(T))) {
    if constexpr (std::is_same_v<D, Cpu>) data_ = static_cast<T*>(allocate(device, bytes_));
    else data_ = static_cast<T*>(gpu::allocator().allocate(device.stream, bytes_));
  }
  ~Scratch() {
    if constexpr (std::is_same_v<D, Cpu>) deallocate(device_, data_, bytes_);
    else gpu::allocator().deallocate(device_.stream, data_, bytes_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  D device_;
  i64 bytes_;
  T* data_;
};

}  // namespace weft::kernels
