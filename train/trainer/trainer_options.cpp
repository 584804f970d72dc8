// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainer_options.h"

namespace weft::train {

void describe(Fields& f, TrainerOptions& o) { describe_train(f, o); }

void describe(Fields& f, LrFactor& o) {
  f("match", o.match, "globs of parameter names, like features.*", required());
  f("lr_factor", o.lr_factor, "times the learning rate they would have", non_negative);
}

}  // namespace weft::train
