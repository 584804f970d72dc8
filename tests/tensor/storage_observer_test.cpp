// SPDX-License-Identifier: Apache-2.0
#include <thread>

#include <gtest/gtest.h>

#include "weft/tensor/storage_observer.h"
#include "weft/tensor/tensor.h"

namespace weft {
namespace {

struct CountingObserver final : StorageObserver {
  CountingObserver() : before(set_storage_observer(this)) {}
  ~CountingObserver() override { set_storage_observer(before); }
  void on_allocated(const Storage& storage) override { bytes += storage.bytes(); }
  void on_freed(const Storage& storage) noexcept override { bytes -= storage.bytes(); }
  i64 bytes = 0;
  StorageObserver* before;
};

TEST(StorageObserver, SeesOwnedMemoryOfItsThread) {
  std::vector<float> own(8, 1.0F);
  CountingObserver observer;
  {
    const Tensor x = Tensor::zeros({4, 5});
    EXPECT_EQ(observer.bytes, 80);
    const Tensor view = x.reshape({20}), y = x.clone();
    EXPECT_EQ(observer.bytes, 160);
    const Tensor borrowed = Tensor::view_of(std::span(own), {8}, nullptr);
    EXPECT_EQ(observer.bytes, 160) << "memory that a tensor does not own";
    std::thread([] { Tensor::zeros({100}); }).join();
    EXPECT_EQ(observer.bytes, 160) << "another thread";
  }
  EXPECT_EQ(observer.bytes, 0);
}

TEST(StorageObserver, IsGivenBack) {
  CountingObserver outer;
  {
    const CountingObserver inner;
    EXPECT_EQ(inner.before, &outer);
  }
  EXPECT_EQ(set_storage_observer(&outer), &outer);
}

}  // namespace
}  // namespace weft
