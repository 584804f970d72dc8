// SPDX-License-Identifier: Apache-2.0
// The scalars of a training step that several ranks add up, in one vector of f64 on the device of
// the model. Each rank fills in its tally, an all-reduce adds them, and each rank applies the sum.
//   math     fill: {Σ weight · loss, Σ weight, stop, save; for each rank, but 0 for all except this
//            one: 1 + the micro-batch whose loss is not finite, and its kind (1 NaN, 2 ∞, 3 −∞);
//            for each parameter, 1 if this rank has a gradient}
//            apply: sum += the first two; the state gets these, stop, save, unweighted and the
//            first bad loss, which sets halted
//            mark_active: segment i is active if flags[i] > 0
//   shapes   tally (kFixed + 2 ranks + parameters); sum (2); asked (2); flags (parameters)
//   saved    nothing
//   aliasing none
//   source   Note [Ranks] in train/step/rank_exchange.h
#pragma once
#include <cmath>

#include "weft/device/device.h"
#include "weft/kernels/common/host_device.h"
#include "weft/kernels/optim/parameter_table.h"
#include "weft/kernels/optim/step_state.h"

namespace weft::kernels {

struct RankTally {
  static constexpr i64 kFixed = 4;
  double* data = nullptr;
  i64 rank = 0, ranks = 1, parameters = 0;

  WEFT_HOST_DEVICE i64 flags() const { return kFixed + 2 * ranks; }
  WEFT_HOST_DEVICE i64 size() const { return flags() + parameters; }
};
// What a rank fills in. All pointers are on the device.
struct OwnTally {
  const StepState* state = nullptr;
  const double* loss = nullptr;   // of this step: Σ weight · loss, Σ weight
  const double* asked = nullptr;  // 1 where this rank asks for a stop, or for a save
  const double* flags = nullptr;  // 1 for each parameter with a gradient
};

template <class Device>
void fill_tally(Device device, const RankTally& tally, const OwnTally& own);

template <class Device>
void apply_tally(Device device, const RankTally& tally, StepState* state, double* sum);

template <class T, class Device>
void mark_active(Device device, const ParameterTable<T>& table, const double* flags);

// The formulas, which the CPU and the GPU share.
namespace step {

WEFT_HOST_DEVICE inline double kind_of(double bad_loss) {
  return bad_loss > 0 ? 2 : bad_loss < 0 ? 3 : 1;
}
WEFT_HOST_DEVICE inline double bad_loss_of(double kind) {
  const auto infinity = static_cast<double>(INFINITY);
  return kind == 2 ? infinity : kind == 3 ? -infinity : static_cast<double>(NAN);
}

// Element i of the tally.
WEFT_HOST_DEVICE inline double tally_element(const RankTally& tally, const OwnTally& own, i64 i) {
  if (i < 2) return own.loss[i];
  if (i < RankTally::kFixed) return own.asked[i - 2];
  if (i >= tally.flags()) return own.flags[i - tally.flags()];
  const i64 slot = i - RankTally::kFixed;
  if (slot / 2 != tally.rank || own.state->bad_batch < 0) return 0;
  return slot % 2 == 0 ? static_cast<double>(own.state->bad_batch + 1)
                       : kind_of(own.state->bad_loss);
}

template <class T>
WEFT_HOST_DEVICE void mark_active(Segment<T>& segment, double flag) {
  segment.active = segment.grad != nullptr && flag > 0;
}

WEFT_HOST_DEVICE inline void apply_tally(const RankTally& tally, StepState& state, double* sum) {
  const double* const all = tally.data;
  // The sum of a loss that is not finite is NaN on every rank, as in one process.
  sum[0] += all[0];
  sum[1] += all[1];
  state.step_loss = all[0];
  state.step_weight = all[1];
  state.unweighted = !(all[1] > 0);
  state.stop = all[2] > 0;
  state.save = all[3] > 0;
  for (i64 rank = 0; rank < tally.ranks; ++rank) {
    const double* const bad = all + RankTally::kFixed + 2 * rank;
    if (bad[0] == 0) continue;
    state.halted = true;
    state.bad_rank = rank;
    state.bad_batch = static_cast<i64>(bad[0]) - 1;
    state.bad_loss = bad_loss_of(bad[1]);
    return;
  }
}

}  // namespace step

}  // namespace weft::kernels
