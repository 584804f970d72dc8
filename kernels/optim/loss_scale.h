// SPDX-License-Identifier: Apache-2.0
// The update of the dynamic loss scale, which is the same function on host and device.
//   math     overflow: scale ← max(scale·backoff, floor), calm ← 0
//            else calm ← calm + 1, and at `interval` scale ← min(scale·growth, ceiling), calm ← 0
//   saved    nothing
//   source   Micikevicius et al., arXiv 1710.03740 §3.2; rule and defaults as PyTorch's GradScaler
#pragma once
#include "weft/core/types.h"
#include "weft/kernels/common/host_device.h"

namespace weft::kernels {

struct LossScaleRule {
  double growth = 2, backoff = 0.5;
  i64 interval = 2000;  // steps without overflow before the scale grows
  double floor = 1, ceiling = 0x1p24;
};

struct LossScale {
  double scale = 0x1p16;
  i64 calm = 0;     // steps without overflow since the last change
  i64 skipped = 0;  // all steps with an overflow
};

WEFT_HOST_DEVICE inline void update_loss_scale(LossScale& state, const LossScaleRule& rule,
                                               bool overflow) {
  if (overflow) {
    const double lower = state.scale * rule.backoff;
    state.scale = lower < rule.floor ? rule.floor : lower;
    state.calm = 0;
    ++state.skipped;
    return;
  }
  if (++state.calm < rule.interval) return;
  const double higher = state.scale * rule.growth;
  state.scale = higher > rule.ceiling ? rule.ceiling : higher;
  state.calm = 0;
}

}  // namespace weft::kernels
