// SPDX-License-Identifier: Apache-2.0
// Memory for one call of a kernel, from the device's caching allocator. On a GPU it may go back before
// the launch has run: the next owner's work is behind it on the same stream.
#pragma once
#include <type_traits>

#include "weft/device/allocator.h"

namespace weft::kernels {

// Where a device's memory comes from. A build without a CUDA device runs kernels on the emulator only,
// whose memory is the host's.
template <class D>
Device memory_of(D device) {
  if constexpr (std::is_constructible_v<Device, D>) return device;
  else return Cpu{};
}

template <class T>
class Scratch {
 public:
  template <class D>
  Scratch(D device, i64 elements)
      : device_(memory_of(device)),
        bytes_(elements * static_cast<i64>(sizeof(T))),
        data_(static_cast<T*>(allocate(device_, bytes_))) {}
  ~Scratch() { deallocate(device_, data_, bytes_); }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  T* data() const { return data_; }

 private:
  Device device_;
  i64 bytes_;
  T* data_;
};

}  // namespace weft::kernels
