// SPDX-License-Identifier: Apache-2.0
#include "weft/optim/loss_scaler.h"

#include "weft/core/error.h"

namespace weft::optim {

void describe(Fields& f, LossScalerOptions& o) {
  f("init_scale", o.init_scale, "initial factor of the loss", positive);
  f("growth_factor", o.growth_factor,
    "multiplies the scale after growth_interval steps without overflow", at_least(1));
  f("backoff_factor", o.backoff_factor, "multiplies the scale after an overflow",
    Check{.text = "above 0 and below 1",
          .low = 0,
          .high = 1,
          .low_excluded = true,
          .high_excluded = true});
  f("growth_interval", o.growth_interval, "steps without overflow before the scale grows",
    at_least(1));
  f("min_scale", o.min_scale, "minimum scale; a run that overflows at it stops", positive);
  f("max_scale", o.max_scale, "maximum scale", positive);
  f.rule(o.min_scale <= o.init_scale, "init_scale", "at least min_scale");
  f.rule(o.init_scale <= o.max_scale, "max_scale", "at least init_scale");
}

LossScaler::LossScaler(const LossScalerOptions& options)
    : rule_{.growth = options.growth_factor,
            .backoff = options.backoff_factor,
            .interval = options.growth_interval,
            .floor = options.min_scale,
            .ceiling = options.max_scale},
      state_{.scale = options.init_scale} {
  LossScalerOptions checked = options;
  validate("LossScaler", section_ref(checked));
}

void LossScaler::fail_at_min_scale() const {
  throw TrainingError(fmt::format(
      "a gradient is not finite at the smallest loss scale, {} (precision.min_scale), after {} skipped "
      "steps; try a lower learning rate, train.clip_norm, or precision: bf16",
      rule_.floor, state_.skipped));
}

void LossScaler::update(bool overflow) {
  if (overflow && state_.scale <= rule_.floor) fail_at_min_scale();
  kernels::update_loss_scale(state_, rule_, overflow);
}

void LossScaler::state(State& s) {
  s.within("scale", state_.scale, rule_.floor, rule_.ceiling);
  s.within("calm_steps", state_.calm, 0, kMostSaved);
  s.within("skipped_steps", state_.skipped, 0, kMostSaved);
}

}  // namespace weft::optim
