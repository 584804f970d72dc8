// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/common/device.h"
#include "weft/kernels/optim/step_state.h"

namespace weft::kernels {
namespace {

// Each kernel runs in one thread, because it computes only a few scalars.
template <class T>
__global__ void add_loss_kernel(double* sum, StepState* state, const T* loss, LossWeights weights,
                                i64 i) {
  step::add_loss(sum, *state, static_cast<double>(*loss), weights, i);
}

template <class T>
__global__ void seed_gradient_kernel(T* seed, const StepState* state, LossWeights weights, i64 i) {
  *seed = static_cast<T>(step::seed(*state, weights, i));
}

__global__ void begin_update_kernel(StepControl* control, const StepState* state,
                                    const RateTable* rates, LossWeights weights) {
  step::begin_update(*control, *state, *rates, weights);
}

__global__ void end_update_kernel(StepReport* report, StepState* state, StepControl* control,
                                  const double* loss_sum, UpdateEnd end) {
  step::end_update(*report, *state, *control, loss_sum, end);
}

}  // namespace

#define WEFT_STEP_STATE(T)                                                                       \
  template <>                                                                                    \
  void add_loss(Cuda device, double* sum, StepState* state, const T* loss, LossWeights weights,  \
                i64 i) {                                                                         \
    launch<add_loss_kernel<T>>({.stream = device.stream}, sum, state, loss, weights, i);         \
  }                                                                                              \
  template <>                                                                                    \
  void seed_gradient(Cuda device, T* seed, const StepState* state, LossWeights weights, i64 i) { \
    launch<seed_gradient_kernel<T>>({.stream = device.stream}, seed, state, weights, i);         \
  }
WEFT_STEP_STATE(float)
WEFT_STEP_STATE(double)

template <>
void begin_update(Cuda device, StepControl* control, const StepState* state, const RateTable* rates,
                  LossWeights weights) {
  launch<begin_update_kernel>({.stream = device.stream}, control, state, rates, weights);
}

template <>
void end_update(Cuda device, StepReport* report, StepState* state, StepControl* control,
                const double* loss_sum, const UpdateEnd& end) {
  launch<end_update_kernel>({.stream = device.stream}, report, state, control, loss_sum, end);
}

}  // namespace weft::kernels
