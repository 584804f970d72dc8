// SPDX-License-Identifier: Apache-2.0
// LossScaler: keeps small gradients of a half-precision backward pass from becoming 0.
//
//   loss.backward(Tensor::full({}, scaler.scale()));
//   const StepOutcome outcome = optimizer.step(
//       {.grad_scale = 1 / scaler.scale(), .skip_non_finite = true});
//   scaler.update(!outcome.applied);
//
// Note [Loss scaling]
// The gradient of scale·loss is scale·gradient, which is in the range of f16 where the gradient
// itself would underflow. The update divides by the scale again, in float. A scale that is too
// large gives an infinite gradient: the step is skipped and the scale is reduced. After
// `growth_interval` finite steps the scale grows. It therefore stays close to the largest scale
// that does not overflow. With the default factors scales are powers of 2, so multiplying by them
// rounds nothing.
#pragma once
#include "weft/core/fields.h"
#include "weft/kernels/optim/loss_scale.h"
#include "weft/tensor/state.h"

namespace weft::optim {

struct LossScalerOptions {
  double init_scale = 0x1p16;
  double growth_factor = 2;
  double backoff_factor = 0.5;
  i64 growth_interval = 2000;
  double min_scale = 1;
  double max_scale = 0x1p24;
};
void describe(Fields& f, LossScalerOptions& o);

class LossScaler {
 public:
  // Throws UserError for options that `precision` of a config does not take either.
  explicit LossScaler(const LossScalerOptions& options = {});

  double scale() const { return state_.scale; }
  // The rule and the state, for steps whose scale lies on the device (train/step/step_scalars.h).
  const kernels::LossScaleRule& rule() const { return rule_; }
  const kernels::LossScale& loss_scale() const { return state_; }
  void set_loss_scale(const kernels::LossScale& scale) { state_ = scale; }
  // Throws TrainingError, because a gradient is not finite at min_scale and no smaller scale is
  // allowed.
  [[noreturn]] void fail_at_min_scale() const;
  // Must be called after each step. `overflow` says that a gradient was not finite, so the step was
  // skipped. Throws TrainingError if that happens at min_scale.
  void update(bool overflow);
  i64 skipped() const { return state_.skipped; }  // the number of skipped steps in all

  void state(State& s);

 private:
  kernels::LossScaleRule rule_;
  kernels::LossScale state_;
};

}  // namespace weft::optim
