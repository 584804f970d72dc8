// SPDX-License-Identifier: Apache-2.0
// What the steps of a run hand on to each other, on the device: a captured step reads no number of the host
// (Note [Captured steps], train/step/captured_steps.h).
//   math     seed_gradient: seed = loss_scale · weight[batch] / weight[0]
//            begin_update: halted |= the loss is not finite; control = {lr and momentum of this applied step,
//            grad_scale = weight[0] / Σ weight / loss_scale, norm 0, skip = halted}
//            end_update: applied += !skip; the loss scale moves by its rule; an overflow at its floor halts
//   shapes   weights (batches); all else single
//   saved    nothing
//   aliasing none
//   source   Note [Accumulation] in train/trainer/trainer.cpp; kernels/optim/loss_scale.h
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/optim/loss_scale.h"
#include "weft/kernels/optim/parameter_table.h"

namespace weft::kernels {

struct StepState {
  i64 applied = 0;  // steps that changed the parameters
  LossScale loss_scale{.scale = 1};
  bool halted = false;  // nothing is applied any more until the host has looked
};

struct StepRates {
  double lr = 0, momentum = 0;
};
// Of the applied steps `first`, `first` + 1, … as the host has sampled them.
struct RateTable {
  static constexpr i64 kSteps = 512;
  i64 first = 0;
  StepRates at[kSteps];
};

// What the host hears of a step.
struct StepReport {
  StepRates rates;
  double loss_sum = 0;   // running, this step included
  double grad_norm = 0;  // before clipping
  bool applied = false, halted = false;
};

template <class T>
void seed_gradient(Cuda device, T* seed, const StepState* state, const double* weights, i64 batch);

void begin_update(Cuda device, StepControl* control, StepState* state, const RateTable* rates,
                  const double* weights, i64 batches, const double* loss_sum);

// `scales`: whether there is a loss scale that follows `rule`.
void end_update(Cuda device, StepReport* report, StepState* state, const StepControl* control,
                const double* loss_sum, bool scales, const LossScaleRule& rule);

}  // namespace weft::kernels
