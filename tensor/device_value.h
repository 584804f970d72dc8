// SPDX-License-Identifier: Apache-2.0
// One plain value, such as a struct of numbers, where the tensors of a device are.
#pragma once
#include <span>

#include "weft/tensor/as_bytes.h"

namespace weft {

// Copies share the value, like tensors.
template <class T>
class DeviceValue {
 public:
  // The value is uninitialised. Its address never changes.
  explicit DeviceValue(const Device& device)
      : bytes_(Tensor::empty({static_cast<i64>(sizeof(T))}, DType::uint8, device)) {}

  T* get() const { return bytes_.data<T>(); }  // on the device
  // From the host, in the order of the device's stream; `value` may change when the call has
  // returned.
  void send(const T& value) const { bytes_.copy_from(as_bytes(std::span(&value, 1))); }

 private:
  Tensor bytes_;
};

}  // namespace weft
