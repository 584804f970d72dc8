// SPDX-License-Identifier: Apache-2.0
// Convolutions by cuDNN, on images in NHWC and weights in OHWI. cuDNN adds the bias and applies the
// activation if the operands and the result have one type and it has a plan for that; otherwise
// kernels of weft do. They also sum the gradient of the bias, because
// cudnnConvolutionBackwardBias on NHWC was measured elsewhere at two thirds of a training step.
// cuDNN sums products of half types in float and rounds the result to the half type, and has no
// plan that gives float. If C is float, the result is converted to float afterwards.
#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <mutex>

#include <cudnn.h>

#include "weft/core/error.h"
#include "weft/device/gpu/gpu.h"
#include "weft/kernels/copy.h"
#include "weft/kernels/common/scratch.h"
#include "weft/kernels/library/conv2d_graph.h"
#include "weft/kernels/library/conv2d_limits.h"
#include "weft/kernels/library/matmul_layout.h"
#include "weft/kernels/library/product_types.h"
#include "weft/kernels/library/tf32.h"
#include "weft/kernels/reduce.h"

namespace weft::kernels {
namespace {

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

// The plans that are built. Building one takes longer than most convolutions. They are never
// destroyed, as the handles are not.
class Built {
 public:
  // Returns the plan of a problem, or null if the library has none and weft computes the epilogue.
  static const Conv2dGraphPlan* plan_for(cudnnHandle_t handle, const Conv2dProblem& problem) {
    static auto* shared = new Built;
    const std::lock_guard lock(shared->mutex_);
    auto& plan = shared->plans_[problem];
    const Conv2dGpu gpu = Conv2dGpu::of_handle(handle);
    detail::conv2d_plan_for(
        problem, [&] { return guess(plan, gpu, problem); },
        [&](const Conv2dChoice& choice) {
          if (choice == kNoConv2dPlan) return has_epilogue(problem);
          plan = conv2d_plan_of(gpu, problem, choice).plan;
          return plan != nullptr && plan->choice() == choice;
        });
    return plan.get();
  }

 private:
  static Conv2dChoice guess(std::unique_ptr<Conv2dGraphPlan>& plan, const Conv2dGpu& gpu,
                            const Conv2dProblem& problem) {
    Conv2dAnswer answer = best_conv2d_plan(gpu, problem);
    plan = std::move(answer.plan);
    if (plan != nullptr) return plan->choice();
    if (!has_epilogue(problem))
      refuse_conv2d(problem, conv2d_library(), gpu::description(), answer.refusal);
    return kNoConv2dPlan;
  }

  std::mutex mutex_;
  std::map<Conv2dProblem, std::unique_ptr<Conv2dGraphPlan>> plans_;
};

Conv2dProblem problem_of(Conv2dDirection direction, Conv2dType type, const Conv2dArrays& arrays,
                         const Conv2dShape& s) {
  i64 alignment = 16;
  for (const void* array : {arrays.x, arrays.w, arrays.y, arrays.bias})
    alignment = std::min(alignment, alignment_of(array));
  return {.direction = direction,
          .type = type,
          .result_type = type,
          .has_bias = arrays.bias != nullptr ? 1 : 0,
          .tf32 = type == Conv2dType::f32 && allow_tf32 ? 1 : 0,
          .alignment = alignment,
          .shape = std::bit_cast<std::array<i64, 16>>(s)};
}

// Returns false, and computes nothing, if the library has no plan and weft computes the epilogue.
bool compute(Cuda device, const Conv2dProblem& problem, const Conv2dArrays& arrays) {
  const cudnnHandle_t handle = handle_on(device.stream);
  const Conv2dGraphPlan* const plan = Built::plan_for(handle, problem);
  if (plan == nullptr) return false;
  const Scratch<u8> workspace(device, plan->choice().workspace_bytes);
  plan->run(handle, arrays, workspace.data());
  return true;
}

// Arrays that a plan only reads are not const in the interface of cuDNN.
template <class T>
void* plain(const T* array) {
  return const_cast<T*>(array);
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
  if constexpr (std::is_same_v<T, C>) {
    const Conv2dArrays arrays{plain(x), plain(w), y, plain(bias)};
    Conv2dProblem whole = problem_of(Conv2dDirection::forward, conv2d_type<T>, arrays, s);
    whole.activation = static_cast<i64>(activation);
    if (compute(device, whole, arrays)) return;
  }
  write_as<T>(device, y, outputs(s), [&](T* result) {
    const Conv2dArrays arrays{plain(x), plain(w), result};
    compute(device, problem_of(Conv2dDirection::forward, conv2d_type<T>, arrays, s), arrays);
  });
  add_bias_and_activate<C>(device, {y, s.batch * s.out_height * s.out_width, s.out_channels}, bias,
                           activation);
}

template <class T, class C>
void input_gradient(Cuda device, C* dx, const T* dy, const T* w, const Conv2dShape& s) {
  check_conv2d(s);
  if (inputs(s) == 0) return;
  if (outputs(s) == 0) return zeroed(device, dx, inputs(s));
  write_as<T>(device, dx, inputs(s), [&](T* result) {
    const Conv2dArrays arrays{result, plain(w), plain(dy)};
    compute(device, problem_of(Conv2dDirection::to_input, conv2d_type<T>, arrays, s), arrays);
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
  write_as<T>(device, dw, weights(s), [&](T* result) {
    const Conv2dArrays arrays{plain(x), result, plain(dy)};
    compute(device, problem_of(Conv2dDirection::to_weight, conv2d_type<T>, arrays, s), arrays);
  });
}

}  // namespace

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
