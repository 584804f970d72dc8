// SPDX-License-Identifier: Apache-2.0
// StorageObserver: is told when this thread allocates and frees the memory of tensors, for tracing
// who holds what and how long.
#pragma once
#include "weft/tensor/storage.h"

namespace weft {

class StorageObserver {
 public:
  virtual ~StorageObserver() = default;
  // Called after the allocation. `storage` is its identity until on_freed; memory that the storage
  // does not own is not reported.
  virtual void on_allocated(const Storage& storage) = 0;
  // Called before the memory is freed. Must not throw.
  virtual void on_freed(const Storage& storage) noexcept = 0;
};
// Sets this thread's observer (null for none) and returns the previous one.
StorageObserver* set_storage_observer(StorageObserver* observer);

}  // namespace weft
