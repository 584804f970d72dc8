// SPDX-License-Identifier: Apache-2.0
// Process groups of a GPU: with real ranks on the emulated one, where a stand-in queues Gloo's
// operations as NCCL does, and one rank on a real GPU (./run gpu-check).
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gtest/gtest.h>

#include "weft/dist/tcp.h"
#include "weft/tests/dist/rank_program.h"
#include "weft/tests/dist/ranks.h"
#include "weft/tests/support/message_of.h"
#include "weft/tests/support/scratch_folder.h"

#ifdef WEFT_HAS_CUDA
#include "weft/device/gpu/gpu.h"
#include "weft/device/gpu/graph.h"
#endif

namespace weft::dist {
namespace {

using test_support::message_of;

TEST(OpenBackend, WhatDoesNotFitTheDeviceIsRefused) {
  EXPECT_EQ(message_of<UserError>([] { open_backend(BackendKind::nccl, Cpu{}, 2); }),
            "dist.backend: nccl given, and the device is cpu; auto or gloo is required");
#ifdef WEFT_HAS_CUDA
  EXPECT_EQ(message_of<UserError>([] { open_backend(BackendKind::gloo, Cuda{}, 2); }),
            "dist.backend: gloo given, and the device is cuda; auto or nccl is required");
#endif
}

#ifdef WEFT_HAS_CUDA

GroupOptions on_gpu() {
  return {.build_and_config = "b",
          .silence = std::chrono::milliseconds(2000),
          .when_stuck = end_stuck,
          .device = device_named("cuda")};
}

// Captures the work that `work` queues, and runs it `times` times.
void capture_and_launch(int times, const std::function<void()>& prepare,
                        const std::function<void()>& work, const std::function<void(int)>& check) {
  gpu::Graph graph(gpu::compute_stream());
  prepare();
  graph.warm_up(work);
  graph.capture(work);
  for (int time = 0; time < times; ++time) {
    prepare();
    graph.launch();
    check(time);
  }
}

// All operations, with work on the compute stream before and behind, which waits for nothing else.
void expect_all_operations(ProcessGroup& group) {
  const i64 rank = group.rank(), size = group.size();
  const Device device = device_named("cuda");
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::int64}) {
    for (const i64 elements : {1, 5, 1000, 70001}) {
      const Tensor own = filled(elements, dtype, [&](i64 i) { return value(rank, i); }).to(device);
      const Tensor x = Tensor::empty_like(own), after = Tensor::empty_like(own);
      x.copy_from(own);
      group.all_reduce(x);
      after.copy_from(x);
      x.fill(0);
      expect_values(after, [&](i64 i) { return total(size, i); });

      const Tensor whole =
          filled(elements * size, dtype, [&](i64 i) { return value(rank, i); }).to(device);
      const Tensor scattered = Tensor::empty({elements}, dtype, device);
      group.reduce_scatter(whole, scattered);
      after.copy_from(scattered);
      scattered.fill(0);
      expect_values(after, [&](i64 i) { return total(size, rank * elements + i); });

      const Tensor all = Tensor::empty({elements * size}, dtype, device);
      x.copy_from(own);
      group.all_gather(x, all);
      x.fill(0);
      expect_values(all, [&](i64 i) { return value(i / elements, i % elements); });

      for (i64 root = 0; root < size; ++root) {
        x.copy_from(own);
        group.broadcast(x, root);
        after.copy_from(x);
        expect_values(after, [&](i64 i) { return value(root, i); });
      }
    }
  }
}

void expect_begun_operations(ProcessGroup& group) {
  const auto size = static_cast<double>(group.size());
  const Device device = device_named("cuda");
  const Tensor x = Tensor::zeros({1000}, DType::f32, device);
  const Tensor y = Tensor::zeros({1000}, DType::f32, device), copy = Tensor::empty_like(y);
  const auto is = [](double wanted) { return [wanted](i64) { return wanted; }; };
  x.fill(1);
  group.begin_all_reduce(x);
  y.fill(2);
  group.begin_all_reduce(y);
  group.begin_all_reduce(x);
  group.finish();
  copy.copy_from(x);
  expect_values(copy, is(size * size));
  expect_values(y, is(2 * size));

  // The operation waits for the work before it, although nothing else does.
  x.fill(3);
  group.begin_all_reduce(x);
  group.wait_for_others("the test");
  expect_values(x, is(3 * size));
  EXPECT_EQ(group.traffic().seconds_busy, 0);
}

void expect_captured_operations(ProcessGroup& group) {
  const auto size = static_cast<double>(group.size());
  const Device device = device_named("cuda");
  const Tensor source = Tensor::zeros({1000}, DType::f32, device);
  const Tensor x = Tensor::empty_like(source), y = Tensor::empty_like(source),
               other = Tensor::empty_like(source);
  double given = 0;
  capture_and_launch(
      3, [&] { source.fill(++given); },
      [&] {
        x.copy_from(source);
        group.begin_all_reduce(x);
        other.copy_from(source);
        group.begin_all_reduce(other);
        y.copy_from(source);
        group.finish();
        y.copy_from(x);
        group.all_reduce(y);
      },
      [&](int time) {
        const double now = time + 2;  // the warm-up had 1
        expect_values(x, [&](i64) { return now * size; });
        expect_values(other, [&](i64) { return now * size; });
        expect_values(y, [&](i64) { return now * size * size; });
      });
}

TEST(RankProgram, DISABLED_OnGpu) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), on_gpu());
    expect_all_operations(group);
    expect_begun_operations(group);
    expect_captured_operations(group);
    EXPECT_EQ(message_of<UserError>([&] { group.all_reduce(Tensor::zeros({1})); }),
              "all-reduce: a tensor on the device cpu given; one on cuda, the device of the ranks, "
              "is required");
    group.barrier();
    group.leave();
  });
}

// Real ranks need a GPU each.
#ifdef WEFT_REAL_DEVICE
#define WEFT_NEEDS_EMULATION() GTEST_SKIP() << "the ranks would share one GPU"
#else
#define WEFT_NEEDS_EMULATION() WEFT_NEEDS_GLOO()
#endif

TEST(DeviceGroup, OperationsAndTheirOrderSlow) {
  WEFT_NEEDS_EMULATION();
  for (const i64 size : {2, 3}) {
    Ranks ranks(size, "RankProgram.DISABLED_OnGpu");
    for (const auto& end : ranks.ends()) EXPECT_EQ(end.code, 0) << end.output;
  }
}

TEST(RankProgram, DISABLED_OverlapOnGpu) {
  as_command([] {
    ProcessGroup group(launch_of_this_process(), on_gpu());
    const Device device = device_named("cuda");
    const Tensor x = Tensor::full({1000}, 1, DType::f32, device);
    if (group.rank() == 1)
      while (!std::filesystem::exists(std::getenv("TEST_GO")))
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    group.begin_all_reduce(x);
    const Tensor y = Tensor::full({1000}, 5, DType::f32, device);
    expect_values(y, [](i64) { return 5; });  // waits for the compute stream
    say("goes on");
    group.finish();
    say("has queued the wait");
    expect_values(x, [](i64) { return 2; });
    say("has finished");
    group.leave();
  });
}

TEST(DeviceGroup, WorkGoesOnBesideABegunOperationSlow) {
  WEFT_NEEDS_EMULATION();
  const test_support::ScratchFolder folder("ranks");
  const std::string go = (folder.path() / "go").string();
  Ranks ranks(2, "RankProgram.DISABLED_OverlapOnGpu", {{"TEST_GO", go}});
  ranks.wait_for(0, "has queued the wait");
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  EXPECT_EQ(ranks.output(0).find("has finished"), std::string::npos);
  std::ofstream(go) << "";
  for (const auto& end : ranks.ends()) EXPECT_EQ(end.code, 0) << end.output;
}

TEST(DeviceGroup, AKilledRankEndsTheOthersSlow) {
  WEFT_NEEDS_EMULATION();
  const test_support::ScratchFolder folder("ranks");
  Ranks ranks(2, "RankProgram.DISABLED_OverlapOnGpu",
              {{"TEST_GO", (folder.path() / "go").string()}});
  ranks.wait_for(0, "has queued the wait");
  ranks.send(1, SIGKILL);
  const auto ends = ranks.ends();
  EXPECT_EQ(ends[0].code, 1) << ends[0].output;
  EXPECT_LT(ends[0].seconds, 10);
  EXPECT_NE(ends[0].output.find("error: dist: rank 1 on "), std::string::npos) << ends[0].output;
}

TEST(RankProgram, DISABLED_EndsOnGpu) {
  as_command([] {
    {
      ProcessGroup group(launch_of_this_process(), on_gpu());
      const Tensor x = Tensor::full({1000}, 1, DType::f32, device_named("cuda"));
      if (group.rank() == 0) {
        group.begin_all_reduce(x);
        group.finish();
      } else {
        for (;;) {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
          group.check();
        }
      }
    }
    synchronize(device_named("cuda"));
    say("ended");
  });
}

TEST(DeviceGroup, AGroupThatEndsWithQueuedOperationsDoesNotHangSlow) {
  WEFT_NEEDS_EMULATION();
  Ranks ranks(2, "RankProgram.DISABLED_EndsOnGpu");
  const auto ends = ranks.ends();
  EXPECT_EQ(ends[0].code, 0) << ends[0].output;
  EXPECT_NE(ends[0].output.find("ended"), std::string::npos);
  EXPECT_LT(ends[0].seconds, 10);
  EXPECT_EQ(ends[1].code, 1) << ends[1].output;
}

#if defined(WEFT_REAL_DEVICE) && !defined(WEFT_HAS_NCCL)
#define WEFT_NEEDS_BACKEND() GTEST_SKIP() << "this build has no libweft_nccl.so"
#elif defined(WEFT_REAL_DEVICE)
#define WEFT_NEEDS_BACKEND()
#else
#define WEFT_NEEDS_BACKEND() WEFT_NEEDS_GLOO()
#endif

TEST(DeviceGroup, OfOneRank) {
  WEFT_NEEDS_BACKEND();
  if (const std::string why_not = gpu::why_unusable(); !why_not.empty()) GTEST_SKIP() << why_not;
  Launch launch;
  launch.family = "test";
  launch.address = "127.0.0.1";
  launch.port = port_of(listen_at("127.0.0.1", 0));
  ProcessGroup group(launch, on_gpu());
  expect_all_operations(group);
  expect_begun_operations(group);
  expect_captured_operations(group);
  group.leave();
}

#endif

}  // namespace
}  // namespace weft::dist
