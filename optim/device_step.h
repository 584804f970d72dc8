// SPDX-License-Identifier: Apache-2.0
// An optimizer step whose scalars lie on the device of the parameters, for train/step. The step is
// enqueued without the host reading or writing these scalars, so that a CUDA graph can hold it.
//
//   step.prepare();                // before recording, and when the set of gradients has changed
//   … a kernel writes lr, momentum, grad_scale and skip to *step.control() …
//   step.enqueue({.clip_norm = 1});
//   … the host reads the outcome of the step …
//   step.record(applied, lr, momentum);
#pragma once
#include "weft/kernels/optim/parameter_table.h"
#include "weft/tensor/device_value.h"

namespace weft::optim {

class Optimizer;

// Limits on the gradients. Each of them needs the norm of all gradients, which is measured first. A
// norm that is not finite skips the step.
struct GradientLimits {
  double clip_norm = 0;          // maximum global gradient norm; 0 for no limit
  double clip_value = 0;         // maximum absolute value of each element; 0 for no limit
  bool skip_non_finite = false;  // measures the norm even if nothing clips

  bool measure() const { return clip_norm > 0 || clip_value > 0 || skip_non_finite; }
};

class DeviceStep {
 public:
  // Called by Optimizer, which must outlive it.
  explicit DeviceStep(Optimizer& optimizer);

  // Sends the tables to the device if they have changed, which is rare in a long run. Throws
  // UserError for a parameter that the optimizer cannot update any more: see Optimizer::step().
  void prepare();
  // After prepare(): makes the parameters inactive whose flag, in the order of
  // parameters().segments() and on the device, is 0. They are skipped in this step.
  void mark_active(const double* flags);
  // Copies the scalars of the host (lr, momentum, applied steps, grad_scale) to control().
  void send_control();
  // An address on the device of the parameters. It never changes.
  kernels::StepControl* control() const { return control_.get(); }
  // Whether the last step was skipped, as an address on the device of the parameters. Work that
  // belongs to the step, such as committing batch norm statistics, reads it there.
  const bool* found_inf() const { return &control()->skip; }
  // Enqueues norm, clipping and update with the scalars in control().
  void enqueue(const GradientLimits& limits);
  // Records the outcome of an enqueued step, which the caller has read back. Counts an applied
  // step, and sets lr and momentum to the values that the step used.
  void record(bool applied, double lr, double momentum);

 private:
  template <class D, class T>
  void measure(D device, const kernels::ParameterTable<T>& table, double max_norm);

  Optimizer& optimizer_;
  DeviceValue<kernels::StepControl> control_;
};

}  // namespace weft::optim
