// SPDX-License-Identifier: Apache-2.0
// Support for tests of the CUDA kernels, on the emulated device and on a real one. Arrays have
// exact bounds and can be accessed by host and device. Results are compared with a reference in
// double, usually the CPU's kernel of the same contract.
#pragma once
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <gtest/gtest.h>

#include "weft/kernels/common/convert.h"
#include "weft/kernels/common/views.h"
#include "weft/testing/kernel_test.h"

#ifdef WEFT_REAL_DEVICE
#include <cuda_runtime_api.h>
#else
#include "weft/device/emulated/memory.h"
#endif

namespace weft::kernels::test {

using weft::testing::in_every_order;

inline const std::vector<i64> kSizes = {0, 1, 31, 33, 1025};

// Values in (−1, 1) for tests. The same seed gives the same values.
class Numbers {
 public:
  explicit Numbers(u64 seed = 1) : state_(seed * 0x9E3779B97F4A7C15ull + 1) {}
  double next() {
    state_ = state_ * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<double>(static_cast<i64>(state_ >> 11)) / 4503599627370496.0 - 1.0;
  }
  i64 below(i64 limit) {
    return static_cast<i64>((next() + 1.0) / 2.0 * static_cast<double>(limit));
  }

 private:
  u64 state_;
};

// Memory that host and device can access. The host must wait for the device before it reads.
inline void* shared_memory(std::size_t bytes) {
#ifdef WEFT_REAL_DEVICE
  void* memory = nullptr;
  const cudaError_t error = cudaMallocManaged(&memory, bytes + 1);
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
  return memory;
#else
  void* memory = nullptr;
  if (posix_memalign(&memory, 64, bytes) != 0) throw std::bad_alloc();
  emulated::lend_memory(memory, static_cast<i64>(bytes));
  return memory;
#endif
}
inline void free_shared_memory(void* memory) {
#ifdef WEFT_REAL_DEVICE
  cudaFree(memory);
#else
  emulated::return_memory(memory);
  std::free(memory);
#endif
}
inline void wait_for_device() {
#ifdef WEFT_REAL_DEVICE
  const cudaError_t error = cudaDeviceSynchronize();
  if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error));
#endif
}

// Exactly `size` elements, filled with NaN (or −1). The first is `shift` elements behind a multiple
// of 64 bytes.
template <class T>
class Array {
 public:
  explicit Array(i64 size, i64 shift = 0) : size_(size), shift_(shift) {
    const std::size_t bytes = static_cast<std::size_t>(size + shift) * sizeof(T);
    memory_.reset(static_cast<T*>(shared_memory(bytes)));
    spoil();
  }
  Array(i64 size, Numbers& numbers, double low, double high, i64 shift = 0) : Array(size, shift) {
    for (i64 i = 0; i < size; ++i)
      data()[i] = converted<T>(low + (high - low) * (numbers.next() + 1.0) / 2.0);
  }
  Array(i64 size, Numbers& numbers, i64 shift = 0) : Array(size, numbers, -2.0, 2.0, shift) {}
  Array(const Array& other) : Array(other.size_, other.shift_) {
    wait_for_device();
    if (size_ > 0)
      std::memcpy(static_cast<void*>(data()), other.data(),
                  static_cast<std::size_t>(size_) * sizeof(T));
  }
  Array& operator=(const Array&) = delete;

  void spoil() {
    wait_for_device();
    if (size_ > 0)
      std::memset(static_cast<void*>(data()), 0xff, static_cast<std::size_t>(size_) * sizeof(T));
  }
  T* data() { return memory_.get() + shift_; }
  const T* data() const { return memory_.get() + shift_; }
  i64 size() const { return size_; }
  T& operator[](i64 i) {
    wait_for_device();
    return data()[i];
  }
  const T& operator[](i64 i) const {
    wait_for_device();
    return data()[i];
  }
  std::vector<double> numbers() const {
    wait_for_device();
    std::vector<double> all;
    for (i64 i = 0; i < size_; ++i) all.push_back(converted<double>(data()[i]));
    return all;
  }

 private:
  struct Free {
    void operator()(T* block) const { free_shared_memory(block); }
  };
  i64 size_, shift_;
  std::unique_ptr<T, Free> memory_;
};

// Returns the view that a kernel takes, of an Array or a std::vector.
template <class A>
auto view(A& array) {
  return Span<std::remove_pointer_t<decltype(array.data())>>{array.data(),
                                                             static_cast<i64>(array.size())};
}
template <class A>
auto view(A& array, i64 rows, i64 cols) {
  return Rows<std::remove_pointer_t<decltype(array.data())>>{array.data(), rows, cols};
}

// One value that kernels read or write.
template <class T>
class OnDevice {
 public:
  explicit OnDevice(const T& value) : array_(1) { array_[0] = value; }
  T* data() { return array_.data(); }
  T& operator*() { return array_[0]; }
  T* operator->() { return &array_[0]; }

 private:
  Array<T> array_;
};

// Calls body.operator()<T>() for each type that kernels are instantiated for.
template <class Body>
void for_types(const Body& body) {
  const auto traced = [&]<class T>(const char* name) {
    SCOPED_TRACE(name);
    body.template operator()<T>();
  };
  traced.template operator()<float>("float");
  traced.template operator()<double>("double");
  traced.template operator()<half>("half");
  traced.template operator()<bfloat16>("bfloat16");
}

// The tolerance is a few roundings of T.
template <class T>
constexpr double tolerance() {
  if (std::is_same_v<T, double>) return 1e-12;
  if (std::is_same_v<T, float>) return 4e-6;
  return std::is_same_v<T, half> ? 1.5e-3 : 1e-2;
}

// Expects |got − wanted| ≤ tolerance·(1 + |wanted|), and NaN where `wanted` is NaN.
template <class T>
void expect_near(const Array<T>& got, const std::vector<double>& wanted,
                 double allowed = tolerance<T>()) {
  ASSERT_EQ(got.size(), static_cast<i64>(wanted.size()));
  for (i64 i = 0; i < got.size(); ++i) {
    const double value = converted<double>(got[i]), want = wanted[static_cast<std::size_t>(i)];
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(value)) << "element " << i << " is " << value;
    } else if (std::isinf(want)) {
      ASSERT_EQ(value, want) << "element " << i;
    } else {
      ASSERT_LE(std::fabs(value - want), allowed * (1 + std::fabs(want)))
          << "element " << i << " of " << got.size() << " is " << value << ", wanted " << want;
    }
  }
}

template <class T>
void expect_same_bytes(const Array<T>& got, const Array<T>& wanted) {
  ASSERT_EQ(got.size(), wanted.size());
  for (i64 i = 0; i < got.size(); ++i)
    ASSERT_EQ(std::memcmp(&got[i], &wanted[i], sizeof(T)), 0)
        << "element " << i << " is " << converted<double>(got[i]) << ", wanted "
        << converted<double>(wanted[i]);
}

}  // namespace weft::kernels::test
