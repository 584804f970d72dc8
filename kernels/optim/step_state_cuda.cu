// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "weft/kernels/common/device.h"
#include "weft/kernels/optim/step_state.h"

namespace weft::kernels {
namespace {

// One thread each: a handful of numbers.
template <class T>
__global__ void seed_gradient_kernel(T* seed, const StepState* state, const double* weights,
                                     i64 batch) {
  *seed = static_cast<T>(state->loss_scale.scale * weights[batch] / weights[0]);
}

__global__ void begin_update_kernel(StepControl* control, StepState* state, const RateTable* rates,
                                    const double* weights, i64 batches, const double* loss_sum) {
  if (!(std::fabs(*loss_sum) < INFINITY)) state->halted = true;  // NaN too
  i64 step = state->applied - rates->first;
  if (step < 0) step = 0;
  if (step >= RateTable::kSteps) step = RateTable::kSteps - 1;
  double weight = 0;
  for (i64 i = 0; i < batches; ++i) weight += weights[i];
  *control = {.lr = rates->at[step].lr,
              .momentum = rates->at[step].momentum,
              .grad_scale = weights[0] / weight / state->loss_scale.scale,
              .grad_norm = 0,
              .skip = state->halted};
}

__global__ void end_update_kernel(StepReport* report, StepState* state, const StepControl* control,
                                  const double* loss_sum, bool scales, LossScaleRule rule) {
  if (!state->halted) {
    const bool overflow = control->skip;
    if (!overflow) ++state->applied;
    if (scales && overflow && state->loss_scale.scale <= rule.floor) state->halted = true;
    else if (scales) update_loss_scale(state->loss_scale, rule, overflow);
  }
  *report = {.rates = {control->lr, control->momentum},
             .loss_sum = *loss_sum,
             .grad_norm = control->grad_norm,
             .applied = !control->skip,
             .halted = state->halted};
}

}  // namespace

template <class T>
void seed_gradient(Cuda device, T* seed, const StepState* state, const double* weights, i64 batch) {
  launch<seed_gradient_kernel<T>>({.stream = device.stream}, seed, state, weights, batch);
}
template void seed_gradient(Cuda, float*, const StepState*, const double*, i64);
template void seed_gradient(Cuda, double*, const StepState*, const double*, i64);

void begin_update(Cuda device, StepControl* control, StepState* state, const RateTable* rates,
                  const double* weights, i64 batches, const double* loss_sum) {
  launch<begin_update_kernel>({.stream = device.stream}, control, state, rates, weights, batches,
                              loss_sum);
}

void end_update(Cuda device, StepReport* report, StepState* state, const StepControl* control,
                const double* loss_sum, bool scales, const LossScaleRule& rule) {
  launch<end_update_kernel>({.stream = device.stream}, report, state, control, loss_sum, scales,
                            rule);
}

}  // namespace weft::kernels
