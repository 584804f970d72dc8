// SPDX-License-Identifier: Apache-2.0
#include "weft/tensor/storage.h"

#include "weft/device/allocator.h"
#include "weft/tensor/storage_observer.h"

namespace weft {
namespace {

thread_local StorageObserver* current_storage_observer = nullptr;

}  // namespace

StorageObserver* set_storage_observer(StorageObserver* observer) {
  return std::exchange(current_storage_observer, observer);
}

Storage::Storage(const Device& device, i64 bytes)
    : data_(allocate(device, bytes)), bytes_(bytes), device_(with_stream(device)), owned_(true) {
  if (current_storage_observer != nullptr) current_storage_observer->on_allocated(*this);
}

Storage::Storage(const Device& device, void* data, i64 bytes, std::shared_ptr<const void> owner)
    : data_(data),
      bytes_(bytes),
      device_(with_stream(device)),
      owned_(false),
      owner_(std::move(owner)) {}

Storage::~Storage() {
  if (!owned_) return;
  if (current_storage_observer != nullptr) current_storage_observer->on_freed(*this);
  deallocate(device_, data_, bytes_);
}

void* Storage::operator new(std::size_t size) { return allocate(Cpu{}, static_cast<i64>(size)); }
void Storage::operator delete(void* header) noexcept {
  deallocate(Cpu{}, header, static_cast<i64>(sizeof(Storage)));
}

}  // namespace weft
