// SPDX-License-Identifier: Apache-2.0
// Convolutions by cuDNN, on images in NHWC and weights in OHWI. Kernels of weft add the bias and
// sum its gradient, because cudnnConvolutionBackwardBias on NHWC was measured elsewhere at two
// thirds of a training step. cuDNN sums products of half types in float and rounds the result to
// the half type. If C is float, the result is converted to float afterwards.
#include <array>
#include <bit>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include <cudnn.h>

#include "weft/core/error.h"
#include "weft/kernels/library/conv2d_limits.h"
#include "weft/kernels/library/conv2d_plans.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/library/product_types.h"
#include "weft/kernels/reduce.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// The limit for the workspace of an algorithm.
constexpr std::size_t kWorkspaceBytes = std::size_t{256} << 20;

void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw InternalError(fmt::format("conv2d: {} of cuDNN gave {}; success is required", call,
                                    cudnnGetErrorString(status)));
}

// Each thread has its own handle, because a handle stores its stream. Handles are never destroyed,
// because the driver may shut down first. The stream is set only when it changes, because setting
// it takes microseconds.
cudnnHandle_t handle_on(StreamHandle stream) {
  struct Handle {
    cudnnHandle_t handle = nullptr;
    StreamHandle stream = nullptr;
  };
  thread_local Handle own;
  if (own.handle == nullptr) {
    check(cudnnCreate(&own.handle), "cudnnCreate");
    check(cudnnSetStream(own.handle, stream), "cudnnSetStream");
    own.stream = stream;
  } else if (own.stream != stream) {
    check(cudnnSetStream(own.handle, stream), "cudnnSetStream");
    own.stream = stream;
  }
  return own.handle;
}

template <class T>
constexpr cudnnDataType_t kType = std::is_same_v<T, double>
                                      ? CUDNN_DATA_DOUBLE
                                      : (std::is_same_v<T, float>
                                             ? CUDNN_DATA_FLOAT
                                             : (std::is_same_v<T, half> ? CUDNN_DATA_HALF
                                                                        : CUDNN_DATA_BFLOAT16));

int to_int(i64 value) { return static_cast<int>(value); }  // check_conv2d has checked the range

// The cuDNN descriptors of a shape.
class Description {
 public:
  Description(cudnnDataType_t type, const Conv2dShape& s) {
    check(cudnnCreateTensorDescriptor(&x), "create x");
    check(cudnnCreateTensorDescriptor(&y), "create y");
    check(cudnnCreateFilterDescriptor(&w), "create w");
    check(cudnnCreateConvolutionDescriptor(&convolution), "create convolution");
    check(cudnnSetTensor4dDescriptor(x, CUDNN_TENSOR_NHWC, type, to_int(s.batch),
                                     to_int(s.channels), to_int(s.height), to_int(s.width)),
          "describe x");
    check(cudnnSetTensor4dDescriptor(y, CUDNN_TENSOR_NHWC, type, to_int(s.batch),
                                     to_int(s.out_channels), to_int(s.out_height),
                                     to_int(s.out_width)),
          "describe y");
    check(cudnnSetFilter4dDescriptor(w, type, CUDNN_TENSOR_NHWC, to_int(s.out_channels),
                                     to_int(s.channels / s.groups), to_int(s.kernel.h),
                                     to_int(s.kernel.w)),
          "describe w");
    const bool is_double = type == CUDNN_DATA_DOUBLE;
    check(cudnnSetConvolution2dDescriptor(
              convolution, to_int(s.padding.h), to_int(s.padding.w), to_int(s.stride.h),
              to_int(s.stride.w), to_int(s.dilation.h), to_int(s.dilation.w),
              CUDNN_CROSS_CORRELATION, is_double ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
          "describe the convolution");
    check(cudnnSetConvolutionGroupCount(convolution, to_int(s.groups)), "set groups");
    // float is multiplied in float, because TF32 would give other losses than the CPU.
    const bool is_small = type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16;
    check(
        cudnnSetConvolutionMathType(convolution, is_small ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH),
        "set math");
  }
  Description(const Description&) = delete;  // descriptors are never destroyed

  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
};

// The description of a shape, which is created once. Creating it takes longer than most
// convolutions.
class Described {
 public:
  Described(cudnnDataType_t type, const Conv2dShape& s)
      : lock_(mutex()), description_(description_of(type, s)) {}
  Description* operator->() { return &description_; }

 private:
  using Key = std::tuple<int, std::array<i64, 16>>;
  static std::mutex& mutex() {
    static std::mutex shared;
    return shared;
  }
  static Description& description_of(cudnnDataType_t type, const Conv2dShape& s) {
    static auto* descriptions = new std::map<Key, std::unique_ptr<Description>>;
    auto& description = (*descriptions)[{type, std::bit_cast<std::array<i64, 16>>(s)}];
    if (description == nullptr) description = std::make_unique<Description>(type, s);
    return *description;
  }

  std::lock_guard<std::mutex> lock_;
  Description& description_;
};

// The plan of one direction. If none is saved, it is the first algorithm in cuDNN's heuristic order
// that is deterministic and whose workspace is within kWorkspaceBytes. ask(asked, &count, found)
// lists the algorithms. bytes(algorithm, &needed) returns the workspace that an algorithm needs.
template <class Algorithm, class Performance, class Ask, class Bytes>
Conv2dChoice plan_for(Conv2dDirection direction, cudnnDataType_t type, const Conv2dShape& s,
                      const Ask& ask, const Bytes& bytes) {
  const auto guess = [&]() -> Conv2dChoice {
    constexpr int kAsked = 8;
    Performance found[kAsked];
    int count = 0;
    check(ask(kAsked, &count, found), "list algorithms");
    for (int i = 0; i < count; ++i) {
      const Performance& p = found[i];
      if (p.status == CUDNN_STATUS_SUCCESS && p.determinism == CUDNN_DETERMINISTIC &&
          p.memory <= kWorkspaceBytes)
        return {static_cast<i64>(p.algo), static_cast<i64>(p.memory)};
    }
    throw InternalError(fmt::format(
        "conv2d: cuDNN offers no deterministic algorithm (direction {}); one is required",
        static_cast<i64>(direction)));
  };
  const auto takes = [&](const Conv2dChoice& choice) {
    std::size_t needed = 0;
    return bytes(static_cast<Algorithm>(choice.algorithm), &needed) == CUDNN_STATUS_SUCCESS &&
           static_cast<i64>(needed) <= choice.workspace_bytes &&
           choice.workspace_bytes <= static_cast<i64>(kWorkspaceBytes);
  };
  return detail::conv2d_plan_for(direction, static_cast<i64>(type), s, guess, takes);
}

// compute(result) writes n elements of type T. They are converted if y has another type.
template <class T, class C, class Compute>
void write_as(Cuda device, C* y, i64 n, const Compute& compute) {
  if constexpr (std::is_same_v<T, C>) {
    compute(y);
  } else {
    const Scratch<T> result(device, n);
    compute(result.data());
    convert<C, T>(device, {y, n}, {result.data(), n});
  }
}

template <class T>
void zeroed(Cuda device, T* array, i64 n) {
  zero(device, array, n * static_cast<i64>(sizeof(T)));
}

template <class T, class C>
void forward(Cuda device, C* y, const T* x, const T* w, const C* bias, Activation activation,
             const Conv2dShape& s) {
  check_conv2d(s);
  if (outputs(s) == 0) return;
  const cudnnHandle_t handle = handle_on(device.stream);
  Described d(kType<T>, s);
  using Algorithm = cudnnConvolutionFwdAlgo_t;
  const Conv2dChoice plan = plan_for<Algorithm, cudnnConvolutionFwdAlgoPerf_t>(
      Conv2dDirection::forward, kType<T>, s,
      [&](int asked, int* count, cudnnConvolutionFwdAlgoPerf_t* found) {
        return cudnnGetConvolutionForwardAlgorithm_v7(handle, d->x, d->w, d->convolution, d->y,
                                                      asked, count, found);
      },
      [&](Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionForwardWorkspaceSize(handle, d->x, d->w, d->convolution, d->y,
                                                       algorithm, bytes);
      });
  const Scratch<u8> workspace(device, plan.workspace_bytes);
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, y, outputs(s), [&](T* result) {
    check(cudnnConvolutionForward(handle, &one, d->x, x, d->w, w, d->convolution,
                                  static_cast<Algorithm>(plan.algorithm), workspace.data(),
                                  static_cast<std::size_t>(plan.workspace_bytes), &nothing, d->y,
                                  result),
          "cudnnConvolutionForward");
  });
  add_bias_and_activate<C>(device, {y, s.batch * s.out_height * s.out_width, s.out_channels}, bias,
                           activation);
}

template <class T, class C>
void input_gradient(Cuda device, C* dx, const T* dy, const T* w, const Conv2dShape& s) {
  check_conv2d(s);
  if (inputs(s) == 0) return;
  if (outputs(s) == 0) return zeroed(device, dx, inputs(s));
  const cudnnHandle_t handle = handle_on(device.stream);
  Described d(kType<T>, s);
  using Algorithm = cudnnConvolutionBwdDataAlgo_t;
  const Conv2dChoice plan = plan_for<Algorithm, cudnnConvolutionBwdDataAlgoPerf_t>(
      Conv2dDirection::to_input, kType<T>, s,
      [&](int asked, int* count, cudnnConvolutionBwdDataAlgoPerf_t* found) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, d->w, d->y, d->convolution, d->x,
                                                           asked, count, found);
      },
      [&](Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardDataWorkspaceSize(handle, d->w, d->y, d->convolution,
                                                            d->x, algorithm, bytes);
      });
  const Scratch<u8> workspace(device, plan.workspace_bytes);
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, dx, inputs(s), [&](T* result) {
    check(cudnnConvolutionBackwardData(handle, &one, d->w, w, d->y, dy, d->convolution,
                                       static_cast<Algorithm>(plan.algorithm), workspace.data(),
                                       static_cast<std::size_t>(plan.workspace_bytes), &nothing,
                                       d->x, result),
          "cudnnConvolutionBackwardData");
  });
}

template <class T, class C>
void weight_gradient(Cuda device, C* dw, C* dbias, const T* dy, const T* x, const Conv2dShape& s) {
  check_conv2d(s);
  if (dbias != nullptr)
    write_as<T>(device, dbias, s.out_channels, [&](T* result) {
      reduce_sum(device, result, dy, 1.0,
                 {1, s.batch * s.out_height * s.out_width, s.out_channels});
    });
  if (weights(s) == 0) return;
  if (outputs(s) == 0) return zeroed(device, dw, weights(s));
  const cudnnHandle_t handle = handle_on(device.stream);
  Described d(kType<T>, s);
  using Algorithm = cudnnConvolutionBwdFilterAlgo_t;
  const Conv2dChoice plan = plan_for<Algorithm, cudnnConvolutionBwdFilterAlgoPerf_t>(
      Conv2dDirection::to_weight, kType<T>, s,
      [&](int asked, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, d->x, d->y, d->convolution,
                                                             d->w, asked, count, found);
      },
      [&](Algorithm algorithm, std::size_t* bytes) {
        return cudnnGetConvolutionBackwardFilterWorkspaceSize(handle, d->x, d->y, d->convolution,
                                                              d->w, algorithm, bytes);
      });
  const Scratch<u8> workspace(device, plan.workspace_bytes);
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, dw, weights(s), [&](T* result) {
    check(cudnnConvolutionBackwardFilter(handle, &one, d->x, x, d->y, dy, d->convolution,
                                         static_cast<Algorithm>(plan.algorithm), workspace.data(),
                                         static_cast<std::size_t>(plan.workspace_bytes), &nothing,
                                         d->w, result),
          "cudnnConvolutionBackwardFilter");
  });
}

}  // namespace

std::string conv2d_library() { return fmt::format("cuDNN {}", cudnnGetVersion()); }

#define WEFT_CONV2D(T, C)                                                                      \
  template <>                                                                                  \
  void conv2d(Cuda device, C* y, const T* x, const T* w, const C* bias, Activation activation, \
              const Conv2dShape& shape) {                                                      \
    forward(device, y, x, w, bias, activation, shape);                                         \
  }                                                                                            \
  template <>                                                                                  \
  void conv2d_input_gradient(Cuda device, C* dx, const T* dy, const T* w,                      \
                             const Conv2dShape& shape) {                                       \
    input_gradient(device, dx, dy, w, shape);                                                  \
  }                                                                                            \
  template <>                                                                                  \
  void conv2d_weight_gradient(Cuda device, C* dw, C* dbias, const T* dy, const T* x,           \
                              const Conv2dShape& shape) {                                      \
    weight_gradient(device, dw, dbias, dy, x, shape);                                          \
  }
WEFT_CUDA_PRODUCT_TYPES(WEFT_CONV2D)

}  // namespace weft::kernels
