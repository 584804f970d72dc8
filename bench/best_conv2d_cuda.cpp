// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <memory>

#include <cuda_runtime_api.h>
#include <cudnn.h>

#include "weft/bench/best_conv2d.h"
#include "weft/core/error.h"

namespace {
using namespace weft;

constexpr int kAsked = 16;  // the most algorithms that are timed
constexpr std::size_t kWorkspaceBytes = std::size_t{256} << 20;

void check(cudnnStatus_t status) {
  WEFT_CHECK(status == CUDNN_STATUS_SUCCESS, "best_conv2d: cuDNN gave {}",
             cudnnGetErrorString(status));
}

cudnnDataType_t type_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return CUDNN_DATA_FLOAT;
    case DType::f16: return CUDNN_DATA_HALF;
    case DType::bf16: return CUDNN_DATA_BFLOAT16;
    default: fail("best_conv2d: {} given; f32, f16 or bf16 is required", dtype);
  }
}

void* allocated(std::size_t bytes) {
  void* memory = nullptr;
  WEFT_CHECK(cudaMalloc(&memory, bytes) == cudaSuccess, "best_conv2d: no memory for {} bytes",
             bytes);
  return memory;
}

struct Call {
  cudnnHandle_t handle = nullptr;
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  const void *images = nullptr, *weights = nullptr;
  void *result = nullptr, *workspace = nullptr;
  cudnnConvolutionFwdAlgo_t algorithm{};

  void operator()() const {
    const float one = 1, nothing = 0;
    check(cudnnConvolutionForward(handle, &one, x, images, w, weights, convolution, algorithm,
                                  workspace, kWorkspaceBytes, &nothing, y, result));
  }
};

void describe(Call& call, const Tensor& x, const Tensor& w) {
  const auto size = [](const Tensor& tensor, int axis) {
    return static_cast<int>(tensor.size(axis));
  };
  const cudnnDataType_t type = type_of(x.dtype());
  check(cudnnCreateTensorDescriptor(&call.x));
  check(cudnnCreateTensorDescriptor(&call.y));
  check(cudnnCreateFilterDescriptor(&call.w));
  check(cudnnCreateConvolutionDescriptor(&call.convolution));
  check(cudnnSetTensor4dDescriptor(call.x, CUDNN_TENSOR_NHWC, type, size(x, 0), size(x, 3),
                                   size(x, 1), size(x, 2)));
  check(cudnnSetTensor4dDescriptor(call.y, CUDNN_TENSOR_NHWC, type, size(x, 0), size(w, 0),
                                   size(x, 1), size(x, 2)));
  check(cudnnSetFilter4dDescriptor(call.w, type, CUDNN_TENSOR_NHWC, size(w, 0), size(w, 3), 3, 3));
  check(cudnnSetConvolution2dDescriptor(call.convolution, 1, 1, 1, 1, 1, 1, CUDNN_CROSS_CORRELATION,
                                        CUDNN_DATA_FLOAT));
  // float is multiplied in float, as weft does without run.tf32.
  check(cudnnSetConvolutionMathType(
      call.convolution, x.dtype() == DType::f32 ? CUDNN_FMA_MATH : CUDNN_TENSOR_OP_MATH));
}

}  // namespace

// The handle, the descriptors and the memory are never freed, because this is a benchmark.
std::function<void()> best_conv2d(const Tensor& x, const Tensor& w) {
  if (!std::holds_alternative<Cuda>(x.device())) return {};
  WEFT_CHECK(x.rank() == 4 && w.rank() == 4 && w.size(1) == 3 && w.size(2) == 3 &&
                 w.size(3) == x.size(3) && x.dtype() == w.dtype(),
             "best_conv2d: {} {} and {} {} given; images and 3×3 weights of one dtype are required",
             x.dtype(), x.shape(), w.dtype(), w.shape());
  auto call = std::make_shared<Call>();
  check(cudnnCreate(&call->handle));
  check(cudnnSetStream(call->handle, std::get<Cuda>(x.device()).stream));
  describe(*call, x, w);
  call->images = x.raw(), call->weights = w.raw();
  const i64 outputs = x.size(0) * x.size(1) * x.size(2) * w.size(0);
  call->result = allocated(static_cast<std::size_t>(outputs * bytes_of(x.dtype())));
  call->workspace = allocated(kWorkspaceBytes);
  std::array<cudnnConvolutionFwdAlgoPerf_t, kAsked> found{};
  int count = 0;
  check(cudnnFindConvolutionForwardAlgorithmEx(
      call->handle, call->x, call->images, call->w, call->weights, call->convolution, call->y,
      call->result, kAsked, &count, found.data(), call->workspace, kWorkspaceBytes));
  WEFT_CHECK(count > 0 && found[0].status == CUDNN_STATUS_SUCCESS,
             "best_conv2d: cuDNN named no algorithm that runs");
  call->algorithm = found[0].algo;  // they are sorted by their time
  check(cudnnSetConvolutionMathType(call->convolution, found[0].mathType));
  return [call] { (*call)(); };
}
