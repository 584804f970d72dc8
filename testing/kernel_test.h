// SPDX-License-Identifier: Apache-2.0
// Tools for tests of CUDA kernels, on the emulated device and on a real one.
//
//   TEST(RowSum, Sums) {
//     in_every_order([] {
//       DeviceArray<float> x(std::vector<float>(33, 1.0f)), y(1);
//       launch<row_sum>({.grid = 1, .block = 64}, y.data(), x.data(), 33);
//       EXPECT_EQ(y.host(), std::vector<float>{33});
//     });
//   }
#pragma once
#include <functional>
#include <type_traits>
#include <vector>

#include "weft/core/types.h"

namespace weft::testing {

// On the emulated device, runs `body` with threads and blocks forward, reversed and in two random
// orders, and with two different fillings of shared memory, each under a SCOPED_TRACE. A real
// device chooses its own order, and `body` runs once. Always test a kernel in every order, because
// the forward order hides most missing barriers.
void in_every_order(const std::function<void()>& body);

namespace detail {
void* device_array(i64 bytes);  // filled with bytes 0xff, which are NaN
void free_device_array(void* memory, i64 bytes);
void copy_to_device(void* to, const void* from, i64 bytes);
void copy_to_host(void* to, const void* from, i64 bytes);  // waits for launched kernels
}  // namespace detail

// Holds `size` elements in device memory of exactly that size, so that a sanitizer detects accesses
// beyond it.
template <class T>
class DeviceArray {
 public:
  static_assert(std::is_trivially_copyable_v<T>);
  // The memory is filled with bytes 0xff, which are NaN.
  explicit DeviceArray(i64 size) : size_(size), data_(detail::device_array(bytes())) {}
  explicit DeviceArray(const std::vector<T>& values)
      : DeviceArray(static_cast<i64>(values.size())) {
    detail::copy_to_device(data_, values.data(), bytes());
  }
  ~DeviceArray() { detail::free_device_array(data_, bytes()); }
  DeviceArray(const DeviceArray&) = delete;
  DeviceArray& operator=(const DeviceArray&) = delete;

  T* data() { return static_cast<T*>(data_); }
  const T* data() const { return static_cast<const T*>(data_); }
  i64 size() const { return size_; }
  std::vector<T> host() const {
    std::vector<T> values(static_cast<std::size_t>(size_));
    detail::copy_to_host(values.data(), data_, bytes());
    return values;
  }

 private:
  i64 bytes() const { return size_ * static_cast<i64>(sizeof(T)); }

  i64 size_;
  void* data_;
};

}  // namespace weft::testing
