// SPDX-License-Identifier: Apache-2.0
// Tests of work that is captured as a graph and launched again, on a real or emulated GPU.
#include "weft/device/gpu/graph.h"

#include <exception>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "weft/device/gpu/staging.h"
#include "weft/kernels/common/device.h"

namespace weft {
namespace {

__global__ void add_to(int* y, const int* x) { *y += *x; }
__global__ void copy_one(int* y, const int* x) { *y = *x; }

class GpuGraph : public ::testing::Test {
 protected:
  static constexpr i64 kBytes = sizeof(int);
  int* number(int value) {
    int* place = static_cast<int*>(gpu::allocator().allocate(stream_.handle(), kBytes));
    gpu::copy_to_device(stream_.handle(), place, &value, kBytes);
    return place;
  }
  int value_of(const int* place) {
    int value = 0;
    gpu::copy_to_host(stream_.handle(), &value, place, kBytes);
    return value;
  }
  void add(int* y, const int* x) { launch<add_to>({.stream = stream_.handle()}, y, x); }
  // Computes y += x through scratch memory that is allocated and freed.
  void add_by_scratch(int* y, const int* x) {
    void* const scratch = gpu::allocator().allocate(stream_.handle(), kBytes);
    launch<copy_one>({.stream = stream_.handle()}, static_cast<int*>(scratch), x);
    add(y, static_cast<const int*>(scratch));
    gpu::allocator().deallocate(stream_.handle(), scratch, kBytes);
  }
  std::string error_of_capturing(const std::function<void()>& work) {
    try {
      graph_->capture(work);
    } catch (const std::exception& error) {
      return error.what();
    }
    return "no error";
  }
  void TearDown() override {
    graph_.reset();
    gpu::synchronize(stream_.handle());
  }

  gpu::Stream stream_;
  std::optional<gpu::Graph> graph_{std::in_place, stream_.handle()};
};

TEST_F(GpuGraph, DoesItsWorkAtEachLaunchAndNotWhenItIsRecorded) {
  int *const x = number(1), *const y = number(0);
  EXPECT_FALSE(graph_->captured());
  EXPECT_ANY_THROW(graph_->launch());
  graph_->capture([&] {
    add(y, x);
    add(y, x);
  });
  EXPECT_TRUE(graph_->captured());
  EXPECT_EQ(graph_->size(), 2);
  EXPECT_EQ(value_of(y), 0);
  graph_->launch();
  graph_->launch();
  const int ten = 10;
  gpu::copy_to_device(stream_.handle(), x, &ten, kBytes);  // in stream order
  graph_->launch();
  add(y, x);
  EXPECT_EQ(value_of(y), 34);
  graph_->capture([&] { add(y, x); });  // replaces the first graph
  graph_->launch();
  EXPECT_EQ(value_of(y), 44);
}

// Memory that is allocated between two launches is not the memory of the graph.
TEST_F(GpuGraph, ItsMemoryIsNobodyElses) {
  int *const x = number(3), *const y = number(0);
  graph_->warm_up([&] { add_by_scratch(y, x); });
  const i64 system = gpu::allocator().counters().system_allocations;
  graph_->capture([&] { add_by_scratch(y, x); });
  EXPECT_EQ(gpu::allocator().counters().system_allocations, system);
  int* const other = number(1000);
  graph_->launch();
  EXPECT_EQ(value_of(other), 1000);
  EXPECT_EQ(value_of(y), 6);
  gpu::allocator().release_cached();  // does not release the graph's pool
  graph_->launch();
  EXPECT_EQ(value_of(y), 9);
}

TEST_F(GpuGraph, ItsMemoryIsOrdinaryAgainWhenItEnds) {
  void* kept = nullptr;
  void* scratch = nullptr;
  graph_->warm_up([&] {
    kept = gpu::allocator().allocate(stream_.handle(), 100'000);
    scratch = gpu::allocator().allocate(stream_.handle(), 70'000);
    gpu::allocator().deallocate(stream_.handle(), scratch, 70'000);
  });
  void* const other = gpu::allocator().allocate(stream_.handle(), 70'000);
  EXPECT_NE(other, scratch);
  graph_.reset();
  EXPECT_EQ(gpu::allocator().allocate(stream_.handle(), 70'000), scratch);
  gpu::allocator().deallocate(stream_.handle(), kept, 100'000);  // the block outlives the pool
  EXPECT_EQ(gpu::allocator().allocate(stream_.handle(), 100'000), kept);
  gpu::allocator().deallocate(stream_.handle(), kept, 100'000);
  gpu::allocator().deallocate(stream_.handle(), scratch, 70'000);
  gpu::allocator().deallocate(stream_.handle(), other, 70'000);
}

TEST_F(GpuGraph, WhatCannotBeRecordedIsRefused) {
  int *const x = number(1), *const y = number(0);
  const StreamHandle stream = stream_.handle();
  const auto expect = [&](const std::string& beginning, const std::function<void()>& work) {
    const std::string error = error_of_capturing([&] {
      add(y, x);
      work();
    });
    EXPECT_TRUE(error.starts_with(beginning)) << error;
    EXPECT_FALSE(graph_->captured());
    EXPECT_FALSE(gpu::is_captured(stream));
  };
  int value = 0;
  expect("copy to the host: asked for while a graph is recorded; work that neither waits",
         [&] { value_of(y); });
  expect("copy to the device: ", [&] { gpu::copy_to_device(stream, x, &value, kBytes); });
  expect("copy to the device: ", [&] { gpu::staging().send(stream, x, &value, kBytes); });
  expect("synchronize: ", [&] { gpu::synchronize(stream); });
  expect("event: ", [&] { gpu::Event().record(stream); });
  expect("wait for an event: ", [&] { stream_.wait(gpu::Event()); });
  expect(
      "allocate: a block of 64 bytes wanted while a graph is recorded, and its pool has none left; "
      "the warm-up must have done the same work",
      [&] { add_by_scratch(y, x); });
  expect("capture: another graph is being recorded", [&] { gpu::Graph(stream).capture([] {}); });
  // The stream continues as if nothing had failed.
  EXPECT_EQ(value_of(y), 0);
  add(y, x);
  EXPECT_EQ(value_of(y), 1);
}

TEST_F(GpuGraph, AnotherStreamJoinsTheRecording) {
  const gpu::Stream other;
  const StreamHandle stream = stream_.handle();
  int *const x = number(1), *const y = number(0), *const z = number(0);
  graph_->capture([&] {
    add(y, x);
    gpu::order(stream, other.handle());
    launch<add_to>({.stream = other.handle()}, z, y);
    gpu::order(other.handle(), stream);
    add(y, z);
  });
  EXPECT_EQ(value_of(z), 0);
  graph_->launch();
  EXPECT_EQ(value_of(y), 2);
  graph_->launch();
  EXPECT_EQ(value_of(z), 4);
  EXPECT_EQ(value_of(y), 7);
  const std::string error = error_of_capturing([&] {
    gpu::order(stream, other.handle());
    launch<add_to>({.stream = other.handle()}, z, y);
  });
  EXPECT_TRUE(error.starts_with("capture: ")) << error;
  // Both streams continue as if nothing had failed.
  launch<add_to>({.stream = other.handle()}, z, x);
  gpu::synchronize(other.handle());
  EXPECT_EQ(value_of(z), 5);
}

TEST_F(GpuGraph, PinnedMemoryReceivesInTheStreamsOrder) {
  int *const x = number(1), *const y = number(0);
  auto* const results = static_cast<int*>(gpu::pinned_allocate(3 * kBytes));
  graph_->capture([&] { add(y, x); });
  gpu::Event arrived;
  for (int i = 0; i < 3; ++i) {
    results[i] = -1;
    graph_->launch();
    gpu::copy_to_pinned(stream_.handle(), results + i, y, kBytes);
    if (i == 1) arrived.record(stream_.handle());
  }
  arrived.synchronize();
  EXPECT_EQ(results[0], 1);
  EXPECT_EQ(results[1], 2);
#ifndef WEFT_REAL_DEVICE
  EXPECT_EQ(results[2], -1) << "an event waits for what came before it, and no more";
#endif
  gpu::synchronize(stream_.handle());
  EXPECT_EQ(results[2], 3);
  gpu::pinned_free(results);
}

TEST_F(GpuGraph, MayEndWhileItsLaunchIsQueued) {
  int *const x = number(1), *const y = number(0);
  graph_->capture([&] { add(y, x); });
  graph_->launch();
  graph_.reset();
  EXPECT_EQ(value_of(y), 1);
}

}  // namespace
}  // namespace weft
