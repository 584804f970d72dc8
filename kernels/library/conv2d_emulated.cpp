// SPDX-License-Identifier: Apache-2.0
// On the emulated device, convolutions are computed by the CPU kernels. Each call first checks the
// requirements of cuDNN.
#include "weft/device/emulated/stream.h"
#include "weft/device/gpu/gpu.h"
#include "weft/kernels/library/as_compute.h"
#include "weft/kernels/library/conv2d_limits.h"
#include "weft/kernels/library/conv2d_plans.h"
#include "weft/kernels/library/product_types.h"
#include "weft/kernels/common/scratch.h"

namespace weft::kernels {
namespace {

// The emulated library has three engines, which differ only in their workspace. Its guess is the
// first. It adds no bias and applies no activation by itself.
constexpr i64 kEngines = 3;

template <class T>
Scratch<u8> planned(Cuda device, Conv2dDirection direction, const Conv2dShape& s) {
  const Conv2dProblem problem{.direction = direction,
                              .type = conv2d_type<T>,
                              .result_type = conv2d_type<T>,
                              .shape = std::bit_cast<std::array<i64, 16>>(s)};
  const Conv2dChoice choice = detail::conv2d_plan_for(
      problem,
      [&] {
        if (emulated_conv2d_refuses == problem.type)
          refuse_conv2d(problem, conv2d_library(), gpu::description(), "as a test asks");
        return Conv2dChoice{};
      },
      [](const Conv2dChoice& c) {
        return c == Conv2dChoice{.engine = c.engine, .workspace_bytes = 256 * c.engine} &&
               c.engine >= 0 && c.engine < kEngines;
      });
  return {device, choice.workspace_bytes};
}

template <class T, class C>
void forward(Cuda device, C* y, const T* x, const T* w, const C* bias, Activation activation,
             const Conv2dShape& s) {
  check_conv2d(s);
  const Scratch<u8> workspace = planned<T>(device, Conv2dDirection::forward, s);
  emulated::enqueue(device.stream, [=] {
    const AsCompute<T> x_values(x, inputs(s)), w_values(w, weights(s));
    const AsCompute<C> bias_values(bias, s.out_channels);
    write_computed(y, outputs(s), [&](Compute<C>* result) {
      conv2d(Cpu{}, result, x_values.data(), w_values.data(), bias_values.data(), activation, s);
    });
  });
}

template <class T, class C>
void input_gradient(Cuda device, C* dx, const T* dy, const T* w, const Conv2dShape& s) {
  check_conv2d(s);
  const Scratch<u8> workspace = planned<T>(device, Conv2dDirection::to_input, s);
  emulated::enqueue(device.stream, [=] {
    const AsCompute<T> dy_values(dy, outputs(s)), w_values(w, weights(s));
    write_computed(dx, inputs(s), [&](Compute<C>* result) {
      conv2d_input_gradient(Cpu{}, result, dy_values.data(), w_values.data(), s);
    });
  });
}

template <class T, class C>
void weight_gradient(Cuda device, C* dw, C* dbias, const T* dy, const T* x, const Conv2dShape& s) {
  check_conv2d(s);
  const Scratch<u8> workspace = planned<T>(device, Conv2dDirection::to_weight, s);
  emulated::enqueue(device.stream, [=] {
    const AsCompute<T> dy_values(dy, outputs(s)), x_values(x, inputs(s));
    write_computed(dw, weights(s), [&](Compute<C>* weight_gradient) {
      write_computed(dbias, s.out_channels, [&](Compute<C>* bias_gradient) {
        conv2d_weight_gradient(Cpu{}, weight_gradient, bias_gradient, dy_values.data(),
                               x_values.data(), s);
      });
    });
  });
}

}  // namespace

std::string conv2d_library() { return "emulated convolutions (engines)"; }

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
