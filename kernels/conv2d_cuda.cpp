// SPDX-License-Identifier: Apache-2.0
// Convolutions by cuDNN, on images NHWC and weights OHWI. The bias is ours: its gradient by
// cudnnConvolutionBackwardBias on NHWC was measured elsewhere at two thirds of a training step. cuDNN sums
// products of halves in float and rounds the result to half; where C is float, that is widened again.
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <tuple>

#include <cudnn.h>

#include "weft/core/error.h"
#include "weft/kernels/conv2d.h"
#include "weft/kernels/conv2d_limits.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/product_types.h"
#include "weft/kernels/reduce.h"
#include "weft/kernels/scratch.h"

namespace weft::kernels {
namespace {

constexpr std::size_t kWorkspaceBytes = std::size_t{256} << 20;  // that an algorithm may ask for

void check(cudnnStatus_t status, const char* call) {
  if (status != CUDNN_STATUS_SUCCESS)
    throw InternalError(fmt::format("conv2d: {} of cuDNN gave {}; success is required", call,
                                    cudnnGetErrorString(status)));
}

// One for each thread, because a handle carries its stream; never destroyed: the driver may be gone
// before. Setting the stream costs microseconds even where it is the same.
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

int to_int(i64 value) { return static_cast<int>(value); }  // check_conv2d saw to the range

// The shape in cuDNN's terms, and the algorithm for each direction.
class Plan {
 public:
  Plan(cudnnDataType_t type, const Conv2dShape& s) {
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
                                     to_int(s.channels / s.groups), to_int(s.kernel_h),
                                     to_int(s.kernel_w)),
          "describe w");
    const bool is_double = type == CUDNN_DATA_DOUBLE;
    check(cudnnSetConvolution2dDescriptor(
              convolution, to_int(s.padding_h), to_int(s.padding_w), to_int(s.stride_h),
              to_int(s.stride_w), to_int(s.dilation_h), to_int(s.dilation_w),
              CUDNN_CROSS_CORRELATION, is_double ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT),
          "describe the convolution");
    check(cudnnSetConvolutionGroupCount(convolution, to_int(s.groups)), "set groups");
    // Floats are multiplied as floats: TF32 would not give the CPU's losses.
    const bool is_small = type == CUDNN_DATA_HALF || type == CUDNN_DATA_BFLOAT16;
    check(
        cudnnSetConvolutionMathType(convolution, is_small ? CUDNN_TENSOR_OP_MATH : CUDNN_FMA_MATH),
        "set math");
  }
  Plan(const Plan&) = delete;  // lives as long as the process

  template <class Algorithm>
  struct Choice {
    Algorithm algorithm{};
    std::size_t workspace_bytes = 0;
    bool made = false;
  };
  cudnnTensorDescriptor_t x = nullptr, y = nullptr;
  cudnnFilterDescriptor_t w = nullptr;
  cudnnConvolutionDescriptor_t convolution = nullptr;
  Choice<cudnnConvolutionFwdAlgo_t> forward;
  Choice<cudnnConvolutionBwdDataAlgo_t> to_input;
  Choice<cudnnConvolutionBwdFilterAlgo_t> to_weight;
};

// The fastest by cuDNN's own guess that is deterministic and content with the workspace.
template <class Algorithm, class Performance, class Ask>
void choose(Plan::Choice<Algorithm>& choice, const char* what, const Ask& ask) {
  if (choice.made) return;
  constexpr int kAsked = 8;
  Performance found[kAsked];
  int count = 0;
  check(ask(kAsked, &count, found), what);
  for (int i = 0; i < count && !choice.made; ++i) {
    const Performance& p = found[i];
    if (p.status == CUDNN_STATUS_SUCCESS && p.determinism == CUDNN_DETERMINISTIC &&
        p.memory <= kWorkspaceBytes)
      choice = {p.algo, p.memory, true};
  }
  if (!choice.made)
    throw InternalError(
        fmt::format("conv2d: cuDNN offers no deterministic algorithm ({}); one is required", what));
}

// Plans are kept for each shape: making one takes longer than most convolutions.
class Planned {
 public:
  Planned(cudnnDataType_t type, const Conv2dShape& s) : lock_(mutex()), plan_(plan_for(type, s)) {}
  Plan& operator*() { return plan_; }
  Plan* operator->() { return &plan_; }

 private:
  using Key = std::tuple<int, std::array<i64, 16>>;
  static std::mutex& mutex() {
    static std::mutex shared;
    return shared;
  }
  static Plan& plan_for(cudnnDataType_t type, const Conv2dShape& s) {
    static auto* plans = new std::map<Key, std::unique_ptr<Plan>>;
    const Key key{type,
                  {s.batch, s.height, s.width, s.channels, s.out_height, s.out_width,
                   s.out_channels, s.kernel_h, s.kernel_w, s.stride_h, s.stride_w, s.padding_h,
                   s.padding_w, s.dilation_h, s.dilation_w, s.groups}};
    auto& plan = (*plans)[key];
    if (plan == nullptr) plan = std::make_unique<Plan>(type, s);
    return *plan;
  }

  std::lock_guard<std::mutex> lock_;
  Plan& plan_;
};

// compute(result) writes n elements as cuDNN gives them; where y is of another type they are converted.
template <class T, class C, class Compute>
void write_as(Cuda device, C* y, i64 n, const Compute& compute) {
  if constexpr (std::is_same_v<T, C>) {
    compute(y);
  } else {
    const Scratch<T> result(device, n);
    compute(result.data());
    convert(device, y, static_cast<const T*>(result.data()), n);
  }
}

template <class T>
void zeroed(Cuda device, T* array, i64 n) {
  zero(device, array, n * static_cast<i64>(sizeof(T)));
}

}  // namespace

template <class T, class C>
void conv2d(Cuda device, C* y, const T* x, const T* w, const C* bias, Activation activation,
            const Conv2dShape& s) {
  check_conv2d(s);
  if (outputs(s) == 0) return;
  const cudnnHandle_t handle = handle_on(device.stream);
  Planned plan(kType<T>, s);
  choose<cudnnConvolutionFwdAlgo_t, cudnnConvolutionFwdAlgoPerf_t>(
      plan->forward, "forward algorithm",
      [&](int asked, int* count, cudnnConvolutionFwdAlgoPerf_t* found) {
        return cudnnGetConvolutionForwardAlgorithm_v7(handle, plan->x, plan->w, plan->convolution,
                                                      plan->y, asked, count, found);
      });
  const Scratch<u8> workspace(device, static_cast<i64>(plan->forward.workspace_bytes));
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, y, outputs(s), [&](T* result) {
    check(cudnnConvolutionForward(handle, &one, plan->x, x, plan->w, w, plan->convolution,
                                  plan->forward.algorithm, workspace.data(),
                                  plan->forward.workspace_bytes, &nothing, plan->y, result),
          "cudnnConvolutionForward");
  });
  add_bias_and_activate(device, y, bias, activation, s.batch * s.out_height * s.out_width,
                        s.out_channels);
}

template <class T, class C>
void conv2d_input_gradient(Cuda device, C* dx, const T* dy, const T* w, const Conv2dShape& s) {
  check_conv2d(s);
  if (inputs(s) == 0) return;
  if (outputs(s) == 0) return zeroed(device, dx, inputs(s));
  const cudnnHandle_t handle = handle_on(device.stream);
  Planned plan(kType<T>, s);
  choose<cudnnConvolutionBwdDataAlgo_t, cudnnConvolutionBwdDataAlgoPerf_t>(
      plan->to_input, "input gradient algorithm",
      [&](int asked, int* count, cudnnConvolutionBwdDataAlgoPerf_t* found) {
        return cudnnGetConvolutionBackwardDataAlgorithm_v7(
            handle, plan->w, plan->y, plan->convolution, plan->x, asked, count, found);
      });
  const Scratch<u8> workspace(device, static_cast<i64>(plan->to_input.workspace_bytes));
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, dx, inputs(s), [&](T* result) {
    check(cudnnConvolutionBackwardData(handle, &one, plan->w, w, plan->y, dy, plan->convolution,
                                       plan->to_input.algorithm, workspace.data(),
                                       plan->to_input.workspace_bytes, &nothing, plan->x, result),
          "cudnnConvolutionBackwardData");
  });
}

template <class T, class C>
void conv2d_weight_gradient(Cuda device, C* dw, C* dbias, const T* dy, const T* x,
                            const Conv2dShape& s) {
  check_conv2d(s);
  if (dbias != nullptr)
    write_as<T>(device, dbias, s.out_channels, [&](T* result) {
      reduce_sum(device, result, dy, 1.0,
                 {1, s.batch * s.out_height * s.out_width, s.out_channels});
    });
  if (weights(s) == 0) return;
  if (outputs(s) == 0) return zeroed(device, dw, weights(s));
  const cudnnHandle_t handle = handle_on(device.stream);
  Planned plan(kType<T>, s);
  choose<cudnnConvolutionBwdFilterAlgo_t, cudnnConvolutionBwdFilterAlgoPerf_t>(
      plan->to_weight, "weight gradient algorithm",
      [&](int asked, int* count, cudnnConvolutionBwdFilterAlgoPerf_t* found) {
        return cudnnGetConvolutionBackwardFilterAlgorithm_v7(
            handle, plan->x, plan->y, plan->convolution, plan->w, asked, count, found);
      });
  const Scratch<u8> workspace(device, static_cast<i64>(plan->to_weight.workspace_bytes));
  const Compute<T> one = 1, nothing = 0;
  write_as<T>(device, dw, weights(s), [&](T* result) {
    check(cudnnConvolutionBackwardFilter(
              handle, &one, plan->x, x, plan->y, dy, plan->convolution, plan->to_weight.algorithm,
              workspace.data(), plan->to_weight.workspace_bytes, &nothing, plan->w, result),
          "cudnnConvolutionBackwardFilter");
  });
}

#define WEFT_CONV2D(T, C)                                                                       \
  template void conv2d(Cuda, C*, const T*, const T*, const C*, Activation, const Conv2dShape&); \
  template void conv2d_input_gradient(Cuda, C*, const T*, const T*, const Conv2dShape&);        \
  template void conv2d_weight_gradient(Cuda, C*, C*, const T*, const T*, const Conv2dShape&);
WEFT_CUDA_PRODUCT_TYPES(WEFT_CONV2D)

}  // namespace weft::kernels
