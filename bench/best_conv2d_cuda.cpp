// SPDX-License-Identifier: Apache-2.0
#include <bit>
#include <chrono>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "weft/bench/best_conv2d.h"
#include "weft/core/error.h"
#include "weft/kernels/library/conv2d_graph.h"

namespace {
using namespace weft;
using kernels::Conv2dGraphPlan, kernels::Conv2dType;

Conv2dType type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return Conv2dType::f32;
    case DType::f16: return Conv2dType::f16;
    case DType::bf16: return Conv2dType::bf16;
    default: fail("best_conv2d: {} given; f32, f16 or bf16 is required", dtype);
  }
}

void* allocated(i64 bytes) {
  void* memory = nullptr;
  WEFT_CHECK(cudaMalloc(&memory, static_cast<std::size_t>(bytes)) == cudaSuccess,
             "best_conv2d: no memory for {} bytes", bytes);
  return memory;
}

cudnnHandle_t handle_on(StreamHandle stream) {
  cudnnHandle_t handle = nullptr;
  WEFT_CHECK(cudnnCreate(&handle) == CUDNN_STATUS_SUCCESS &&
                 cudnnSetStream(handle, stream) == CUDNN_STATUS_SUCCESS,
             "best_conv2d: cuDNN gave no handle");
  return handle;
}

// float is multiplied in float, as weft does without run.tf32.
kernels::Conv2dProblem problem_of(const Tensor& x, const Tensor& w) {
  const kernels::Conv2dShape shape{.batch = x.size(0),
                                   .height = x.size(1),
                                   .width = x.size(2),
                                   .channels = x.size(3),
                                   .out_height = x.size(1),
                                   .out_width = x.size(2),
                                   .out_channels = w.size(0),
                                   .kernel = {3, 3},
                                   .padding = {1, 1}};
  return {.direction = kernels::Conv2dDirection::forward,
          .type = type_of(x.dtype()),
          .result_type = type_of(x.dtype()),
          .alignment = 16,
          .shape = std::bit_cast<std::array<i64, 16>>(shape)};
}

struct Call {
  cudnnHandle_t handle = nullptr;
  StreamHandle stream = nullptr;
  kernels::Conv2dArrays arrays = {};
  void* workspace = nullptr;

  void run(const Conv2dGraphPlan& plan) const { plan.run(handle, arrays, workspace); }
  // Infinity, if the plan was made and does not run.
  double seconds_of(const Conv2dGraphPlan& plan) const try {
    constexpr double kNever = std::numeric_limits<double>::infinity();
    run(plan);  // this call warms up
    if (cudaStreamSynchronize(stream) != cudaSuccess) return kNever;
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < 10; ++i) run(plan);
    if (cudaStreamSynchronize(stream) != cudaSuccess) return kNever;
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  } catch (const InternalError&) {
    return std::numeric_limits<double>::infinity();
  }
};

}  // namespace

// The handle and the memory are never freed, because this is a benchmark.
std::function<void()> best_conv2d(const Tensor& x, const Tensor& w) {
  if (!std::holds_alternative<Cuda>(x.device())) return {};
  WEFT_CHECK(x.rank() == 4 && w.rank() == 4 && w.size(1) == 3 && w.size(2) == 3 &&
                 w.size(3) == x.size(3) && x.dtype() == w.dtype(),
             "best_conv2d: {} {} and {} {} given; images and 3×3 weights of one dtype are required",
             x.dtype(), x.shape(), w.dtype(), w.shape());
  const StreamHandle stream = std::get<Cuda>(x.device()).stream;
  const i64 results = x.size(0) * x.size(1) * x.size(2) * w.size(0);
  Call call{.handle = handle_on(stream),
            .stream = stream,
            .arrays = {.x = const_cast<void*>(x.raw()),
                       .w = const_cast<void*>(w.raw()),
                       .y = allocated(results * bytes_of(x.dtype()))},
            .workspace = allocated(kernels::kConv2dWorkspaceBytes)};
  std::shared_ptr<Conv2dGraphPlan> fastest;
  double best = std::numeric_limits<double>::infinity();
  const auto gpu = kernels::Conv2dGpu::of_handle(call.handle);
  for (auto& plan : kernels::all_conv2d_plans(gpu, problem_of(x, w))) {
    const double seconds = call.seconds_of(*plan);
    if (seconds < best) {
      best = seconds;
      fastest = std::move(plan);
    }
  }
  WEFT_CHECK(fastest != nullptr, "best_conv2d: cuDNN has no plan that runs");
  return [call, fastest] { call.run(*fastest); };
}
