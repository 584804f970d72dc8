// SPDX-License-Identifier: Apache-2.0
// The scalars that a training step computes for the next step. They are on the device of the model,
// so that no step reads a value of the host (train/step/train_step.h).
//   math     add_loss: sum += loss · weight[i]; a loss that is not finite sets halted
//            seed_gradient: seed = loss_scale · weight[i] / first, with `first` the first weight
//            above 0
//            begin_update: control = {lr and momentum of this applied step, grad_scale =
//            first / Σ weight / loss_scale, norm 0, skip = halted}
//            end_update: applied += !skip; after the last optimizer of a step the loss scale is
//            updated, with overflow if any optimizer skipped; an overflow at its floor sets halted
//   shapes   weights (count); all other arguments ()
//   saved    nothing
//   aliasing none
//   source   Note [Accumulation] in train/step/step_scalars.h; kernels/optim/loss_scale.h
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/optim/loss_scale.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

struct StepState {
  LossScale loss_scale{.scale = 1};
  // Set by a loss that is not finite and by an overflow at the smallest loss scale. While it is
  // set, no step is applied. The host resets it.
  bool halted = false;
  bool overflow = false;  // an optimizer skipped the step in progress
  i64 bad_batch = -1;     // the micro-batch whose loss was not finite; -1: none
  double bad_loss = 0;
};

struct StepRates {
  double lr = 0, momentum = 0;
};
// The learning rates of the applied steps `first`, `first` + 1, …, which the host has sampled.
struct RateTable {
  static constexpr i64 kSteps = 512;
  i64 first = 0;
  StepRates at[kSteps];
};

// The weights of the losses of the micro-batches of a step, on the device.
struct LossWeights {
  const double* data = nullptr;
  i64 count = 0;
};

// The report to the host about the step of one optimizer. The loss, the loss scale and `halted` are
// those of the whole step, which the report of the last optimizer has.
struct StepReport {
  StepRates rates;
  double grad_norm = 0;  // the norm before clipping
  double loss_sum = 0;   // the running sum, which includes this step
  LossScale loss_scale;
  double bad_loss = 0;
  i64 bad_batch = -1;
  bool applied = false, halted = false;
};

struct UpdateEnd {
  bool counts = true;   // false: no micro-batch had a weight, so there was no gradient to apply
  bool is_last = true;  // whether this is the last optimizer of the step
  bool scales = false;  // whether the loss scale is updated by `rule`
  LossScaleRule rule;
};

template <class T, class Device>
void add_loss(Device device, double* sum, StepState* state, const T* loss, LossWeights weights,
              i64 i);

template <class T, class Device>
void seed_gradient(Device device, T* seed, const StepState* state, LossWeights weights, i64 i);

template <class Device>
void begin_update(Device device, StepControl* control, const StepState* state,
                  const RateTable* rates, LossWeights weights);

template <class Device>
void end_update(Device device, StepReport* report, StepState* state, StepControl* control,
                const double* loss_sum, const UpdateEnd& end);

// The formulas, which the CPU and the GPU share.
namespace step {

WEFT_HOST_DEVICE inline bool is_finite(double x) { return x - x == 0; }

WEFT_HOST_DEVICE inline double first_weight(LossWeights weights) {
  for (i64 i = 0; i < weights.count; ++i)
    if (weights.data[i] > 0) return weights.data[i];
  return 0;
}

WEFT_HOST_DEVICE inline void add_loss(double& sum, StepState& state, double loss,
                                      LossWeights weights, i64 i) {
  if (!is_finite(loss) && state.bad_batch < 0) {
    state.halted = true;
    state.bad_batch = i;
    state.bad_loss = loss;
  }
  if (weights.data[i] > 0) sum += loss * weights.data[i];
}

WEFT_HOST_DEVICE inline double seed(const StepState& state, LossWeights weights, i64 i) {
  return state.loss_scale.scale * weights.data[i] / first_weight(weights);
}

WEFT_HOST_DEVICE inline void begin_update(StepControl& control, const StepState& state,
                                          const RateTable& rates, LossWeights weights) {
  i64 step = control.applied - rates.first;
  if (step < 0) step = 0;
  if (step >= RateTable::kSteps) step = RateTable::kSteps - 1;
  double weight = 0;
  for (i64 i = 0; i < weights.count; ++i) weight += weights.data[i];
  control.lr = rates.at[step].lr;
  control.momentum = rates.at[step].momentum;
  control.grad_scale = first_weight(weights) / weight / state.loss_scale.scale;
  control.grad_norm = 0;
  control.skip = state.halted;
}

WEFT_HOST_DEVICE inline void end_update(StepReport& report, StepState& state, StepControl& control,
                                        double loss_sum, const UpdateEnd& end) {
  const bool applied = end.counts && !control.skip && !state.halted;
  if (applied) ++control.applied;
  if (end.counts && !applied) state.overflow = true;
  if (end.is_last) {
    if (end.counts && end.scales && !state.halted) {
      if (state.overflow && state.loss_scale.scale <= end.rule.floor) state.halted = true;
      else update_loss_scale(state.loss_scale, end.rule, state.overflow);
    }
    state.overflow = false;
  }
  report = {.rates = {control.lr, control.momentum},
            .grad_norm = end.counts ? control.grad_norm : 0,
            .loss_sum = loss_sum,
            .loss_scale = state.loss_scale,
            .bad_loss = state.bad_loss,
            .bad_batch = state.bad_batch,
            .applied = applied,
            .halted = state.halted};
}

}  // namespace step

}  // namespace weft::kernels
