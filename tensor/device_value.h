// SPDX-License-Identifier: Apache-2.0
// One trivially copyable value, such as a struct of scalars, in the memory of a device.
#pragma once
#include <type_traits>

#include "weft/kernels/copy.h"
#include "weft/tensor/tensor.h"

namespace weft {

// Copies are handles that share the value, as copies of a Tensor do.
template <class T>
class DeviceValue {
 public:
  // The value is uninitialised. Its address stays the same while a copy exists.
  explicit DeviceValue(const Device& device)
      : bytes_(Tensor::empty({static_cast<i64>(sizeof(T))}, DType::uint8, device)) {}

  T* get() const { return bytes_.data<T>(); }  // an address on the device
  // Copies `value` from the host, in the order of the device's stream. `value` may be changed once
  // the call has returned.
  void send(const T& value) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::visit([&](auto device) { kernels::copy(device, Cpu{}, get(), &value, sizeof(T)); },
               bytes_.device());
  }

 private:
  Tensor bytes_;
};

}  // namespace weft
