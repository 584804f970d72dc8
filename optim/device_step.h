// SPDX-License-Identifier: Apache-2.0
// An optimizer step whose scalars lie on the device of the parameters, for train/step. It is
// enqueued without the host reading or writing any of them, so that a CUDA graph can hold it.
//
//   step.prepare();                // before recording, and whenever gradients have come or gone
//   … a kernel writes lr, momentum, grad_scale and skip to *step.control() …
//   step.enqueue({.clip_norm = 1});
//   … the host reads what came of it …
//   step.record(applied, lr, momentum);
#pragma once
#include "weft/kernels/optim/parameter_table.h"
#include "weft/tensor/device_value.h"

namespace weft::optim {

class Optimizer;

// Whatever limits a gradient measures the norm of all of them first. A norm that is not finite
// skips the step.
struct GradientLimits {
  double clip_norm = 0;          // maximum global gradient norm; 0 for no limit
  double clip_value = 0;         // maximum absolute value of each element; 0 for no limit
  bool skip_non_finite = false;  // measures the norm even where nothing clips

  bool measure() const { return clip_norm > 0 || clip_value > 0 || skip_non_finite; }
};

class DeviceStep {
 public:
  // For Optimizer, which must outlive it.
  explicit DeviceStep(Optimizer& optimizer);

  // Sends the tables that have changed, which in a steady run is none. Throws UserError for a
  // parameter that the optimizer cannot update any more: see Optimizer::step().
  void prepare();
  // Sends the host's scalars (lr, momentum, applied steps, grad_scale) to control().
  void send_control();
  // Where the parameters are; the address never changes.
  kernels::StepControl* control() const { return control_.get(); }
  // Whether the last step was skipped, where the parameters are: for work that goes with the step.
  const bool* found_inf() const { return &control()->skip; }
  // Norm, clipping and update, by the scalars in control().
  void enqueue(const GradientLimits& limits);
  // Records the outcome of an enqueued step, which the caller has read back: counts an applied
  // step, and sets lr and momentum to those the step used.
  void record(bool applied, double lr, double momentum);

 private:
  Optimizer& optimizer_;
  DeviceValue<kernels::StepControl> control_;
};

}  // namespace weft::optim
