// SPDX-License-Identifier: Apache-2.0
// An optimizer of one's own as a formula for one element, for the CPU and the GPU:
//
//   struct Lion {
//     static constexpr int kSlots = 1;
//     double beta2 = 0.99;
//     template <class T>
//     WEFT_HOST_DEVICE void operator()(T& p, T g, T* state, const UpdateRates<T>& r) const;
//   };
//
// The kernel is declared for all devices (Note [One declaration per kernel]). WEFT_ELEMENT_UPDATE
// defines it for the CPU in a .cpp, and in a .cu, which includes element_update_cuda.h, for a GPU:
//
//   template <class T, class Device>
//   void lion_step(Device, const ParameterTable<T>&, const StepControl*, const Lion&);
//   WEFT_ELEMENT_UPDATE(lion_step, Cpu, Lion)
//
// The optimizer's update() calls it by table.visit() (optim/optimizer.h), and its constructor names
// kSlots state tensors.
//
// math:     formula(p, grad_scale·g, state, rates) for each element of each active segment
// shapes:   any; state has kSlots elements, from 0 to 3, which are 0 before the first update
// skip:     if control->skip, nothing is called or counted
// aliasing: the arrays of a segment must not overlap
#pragma once
#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/optim/active_chunks.h"

namespace weft::kernels {

// The values of a step for one parameter.
template <class T>
struct UpdateRates {
  T lr, weight_decay, momentum, grad_scale;
  i64 step;  // the number of this update of the parameter, from 1 on

  WEFT_HOST_DEVICE UpdateRates(const Segment<T>& s, const StepControl& control)
      : lr(static_cast<T>(control.lr * s.lr_factor)),
        weight_decay(static_cast<T>(s.weight_decay)),
        momentum(static_cast<T>(control.momentum)),
        grad_scale(static_cast<T>(control.grad_scale)),
        step(s.steps + 1) {}
};

// Updates element i of a segment.
template <class T, class Formula>
WEFT_HOST_DEVICE void update_element(const Segment<T>& s, i64 i, const UpdateRates<T>& rates,
                                     const Formula& formula) {
  static_assert(Formula::kSlots >= 0 && Formula::kSlots <= 3);
  T* const arrays[] = {s.first, s.second, s.third};
  T state[] = {0, 0, 0};
  for (int slot = 0; slot < Formula::kSlots; ++slot) state[slot] = arrays[slot][i];
  T p = s.param[i];
  formula(p, rates.grad_scale * s.grad[i], state, rates);
  s.param[i] = p;
  for (int slot = 0; slot < Formula::kSlots; ++slot) arrays[slot][i] = state[slot];
}

template <class T, class Formula>
void update_elements(Cpu, const ParameterTable<T>& table, const StepControl* control,
                     const Formula& formula) {
  for_active_chunks(table, control, [&](const Segment<T>& s, const Chunk& chunk) {
    const UpdateRates<T> rates(s, *control);
    for (i64 i = chunk.begin; i < chunk.begin + chunk.length; ++i)
      update_element(s, i, rates, formula);
  });
}

}  // namespace weft::kernels

#define WEFT_ELEMENT_UPDATE(step, Device, Formula)                                 \
  template <>                                                                      \
  void step(Device device, const ::weft::kernels::ParameterTable<float>& table,    \
            const ::weft::kernels::StepControl* control, const Formula& formula) { \
    ::weft::kernels::update_elements(device, table, control, formula);             \
  }                                                                                \
  template <>                                                                      \
  void step(Device device, const ::weft::kernels::ParameterTable<double>& table,   \
            const ::weft::kernels::StepControl* control, const Formula& formula) { \
    ::weft::kernels::update_elements(device, table, control, formula);             \
  }
