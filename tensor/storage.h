// SPDX-License-Identifier: Apache-2.0
// Storage: a reference-counted block of memory on one device. Tensors share it, and it is freed
// with the last of them.
#pragma once
#include <atomic>
#include <memory>
#include <utility>

#include "weft/core/types.h"
#include "weft/device/device.h"

namespace weft {

class Storage {
 public:
  // Allocates uninitialised memory from the device's caching allocator.
  Storage(const Device& device, i64 bytes);
  // Refers to memory that it does not own and that `owner` keeps alive.
  Storage(const Device& device, void* data, i64 bytes, std::shared_ptr<const void> owner);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  void* data() const { return data_; }
  i64 bytes() const { return bytes_; }
  const Device& device() const { return device_; }

  // Storage objects come from the caching allocator too, so that making a tensor does not call the
  // heap.
  static void* operator new(std::size_t size);
  static void operator delete(void* header) noexcept;

 private:
  friend class StorageRef;
  std::atomic<i64> references_{0};
  void* data_;
  i64 bytes_;
  Device device_;
  bool owned_;
  std::shared_ptr<const void> owner_;
};

// A counted reference to a Storage. Copying and dropping references is thread-safe.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* storage) : storage_(storage) { acquire(); }
  StorageRef(const StorageRef& other) : storage_(other.storage_) { acquire(); }
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageRef() {
    if (storage_ != nullptr) release();
  }

  Storage* operator->() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }
  bool unique() const {
    return storage_ != nullptr && storage_->references_.load(std::memory_order_acquire) == 1;
  }
  friend bool operator==(const StorageRef& a, const StorageRef& b) {
    return a.storage_ == b.storage_;
  }

 private:
  void acquire() {
    if (storage_ != nullptr) storage_->references_.fetch_add(1, std::memory_order_relaxed);
  }
  void release() const {
    if (storage_->references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete storage_;
  }
  Storage* storage_ = nullptr;
};

}  // namespace weft
