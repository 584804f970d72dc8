// SPDX-License-Identifier: Apache-2.0
#include "weft/kernels/optim/step_state.h"

namespace weft::kernels {

#define WEFT_STEP_STATE(T)                                                                       \
  template <>                                                                                    \
  void add_loss(Cpu, double* sum, StepState* state, const T* loss, LossWeights weights, i64 i) { \
    step::add_loss(sum, *state, static_cast<double>(*loss), weights, i);                         \
  }                                                                                              \
  template <>                                                                                    \
  void seed_gradient(Cpu, T* seed, const StepState* state, LossWeights weights, i64 i) {         \
    *seed = static_cast<T>(step::seed(*state, weights, i));                                      \
  }
WEFT_STEP_STATE(float)
WEFT_STEP_STATE(double)

template <>
void begin_update(Cpu, StepControl* control, const StepState* state, const RateTable* rates,
                  LossWeights weights) {
  step::begin_update(*control, *state, *rates, weights);
}

template <>
void end_update(Cpu, StepReport* report, StepState* state, StepControl* control,
                const double* loss_sum, const UpdateEnd& end) {
  step::end_update(*report, *state, *control, loss_sum, end);
}

}  // namespace weft::kernels
