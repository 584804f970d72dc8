// SPDX-License-Identifier: Apache-2.0
// The options that several schedules share, described once.
#pragma once
#include "weft/core/fields.h"

namespace weft::optim {

template <class Options>
void describe_warmup(Fields& f, Options& o) {
  f("warmup", o.warmup, "length of the warm-up, like 1ep or 200ba");
  f("warmup_start", o.warmup_start, "fraction of the learning rate at the first step",
    in_range(0, 1));
}

template <class Options>
void describe_interval(Fields& f, Options& o) {
  f("interval", o.interval, "when the learning rate changes: at each step or at each epoch");
}

}  // namespace weft::optim
