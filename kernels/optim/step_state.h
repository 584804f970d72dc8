// SPDX-License-Identifier: Apache-2.0
// The scalars that a training step computes for the next step. They are on the device of the model,
// so that no step reads a value of the host (train/step/train_step.h).
//   math     add_loss: sum[0] += loss · weight[i], sum[1] += weight[i], and likewise the sums of
//            this step, which i = 0 begins; a loss that is not finite sets halted
//            seed_gradient: seed = loss_scale · weight[i] / first, with `first` the first weight
//            above 0
//            begin_update: control = {lr and momentum of this applied step, grad_scale =
//            first / Σ weight / loss_scale, norm 0, skip = halted or unweighted}
//            end_update: applied += !skip; after the last optimizer of a step the loss scale is
//            updated, with overflow if any optimizer skipped; an overflow at its floor sets halted
//            of several ranks, `first` and Σ weight are given (kernels/optim/rank_tally.h)
//   shapes   weights (count); sum (2); all other arguments ()
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
  // Of the step in progress: Σ weight · loss and Σ weight, of all ranks.
  double step_loss = 0, step_weight = 0;
  // Set for each step of several ranks (kernels/optim/rank_tally.h):
  i64 bad_rank = -1;                // the rank of that micro-batch; -1: this process alone
  bool unweighted = false;          // no rank had a weight above 0
  bool stop = false, save = false;  // what any rank asked for
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
  double common = 0;              // above 0: all ranks use it as the first weight
  const double* total = nullptr;  // the sum of the weights of all ranks; null: of these
};

// The report to the host about the step of one optimizer. The loss, the loss scale and `halted` are
// those of the whole step, which the report of the last optimizer has.
struct StepReport {
  StepRates rates;
  double grad_norm = 0;   // the norm before clipping
  double loss_sum = 0;    // the running sums of the weighted losses, which include this step,
  double weight_sum = 0;  // and of the weights
  double step_loss = 0, step_weight = 0;  // the same sums of this step alone
  LossScale loss_scale;
  double bad_loss = 0;
  i64 bad_batch = -1, bad_rank = -1;
  bool applied = false, halted = false;
  bool stop = false, save = false;
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
  if (weights.common > 0) return weights.common;
  for (i64 i = 0; i < weights.count; ++i)
    if (weights.data[i] > 0) return weights.data[i];
  return 0;
}

WEFT_HOST_DEVICE inline double total_weight(LossWeights weights) {
  if (weights.total != nullptr) return *weights.total;
  double weight = 0;
  for (i64 i = 0; i < weights.count; ++i) weight += weights.data[i];
  return weight;
}

WEFT_HOST_DEVICE inline void add_loss(double* sum, StepState& state, double loss,
                                      LossWeights weights, i64 i) {
  if (i == 0) state.step_loss = state.step_weight = 0;
  if (!is_finite(loss) && state.bad_batch < 0) {
    state.halted = true;
    state.bad_batch = i;
    state.bad_loss = loss;
  }
  if (weights.data[i] > 0) {
    sum[0] += loss * weights.data[i];
    state.step_loss += loss * weights.data[i];
  }
  sum[1] += weights.data[i];
  state.step_weight += weights.data[i];
}

WEFT_HOST_DEVICE inline double seed(const StepState& state, LossWeights weights, i64 i) {
  return state.loss_scale.scale * weights.data[i] / first_weight(weights);
}

WEFT_HOST_DEVICE inline void begin_update(StepControl& control, const StepState& state,
                                          const RateTable& rates, LossWeights weights) {
  i64 step = control.applied - rates.first;
  if (step < 0) step = 0;
  if (step >= RateTable::kSteps) step = RateTable::kSteps - 1;
  control.lr = rates.at[step].lr;
  control.momentum = rates.at[step].momentum;
  control.grad_scale = first_weight(weights) / total_weight(weights) / state.loss_scale.scale;
  control.grad_norm = 0;
  control.skip = state.halted || state.unweighted;
}

WEFT_HOST_DEVICE inline void end_update(StepReport& report, StepState& state, StepControl& control,
                                        const double* loss_sum, const UpdateEnd& end) {
  const bool counts = end.counts && !state.unweighted;
  const bool applied = counts && !control.skip && !state.halted;
  if (applied) ++control.applied;
  if (counts && !applied) state.overflow = true;
  if (end.is_last) {
    if (counts && end.scales && !state.halted) {
      if (state.overflow && state.loss_scale.scale <= end.rule.floor) state.halted = true;
      else update_loss_scale(state.loss_scale, end.rule, state.overflow);
    }
    state.overflow = false;
  }
  report = {.rates = {control.lr, control.momentum},
            .grad_norm = counts ? control.grad_norm : 0,
            .loss_sum = loss_sum[0],
            .weight_sum = loss_sum[1],
            .step_loss = state.step_loss,
            .step_weight = state.step_weight,
            .loss_scale = state.loss_scale,
            .bad_loss = state.bad_loss,
            .bad_batch = state.bad_batch,
            .bad_rank = state.bad_rank,
            .applied = applied,
            .halted = state.halted,
            .stop = state.stop,
            .save = state.save};
}

}  // namespace step

}  // namespace weft::kernels
