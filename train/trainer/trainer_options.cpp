// SPDX-License-Identifier: Apache-2.0
#include "weft/train/trainer/trainer_options.h"

namespace weft::train {

void describe(Fields& f, TrainerOptions& o) { describe_train(f, o); }

}  // namespace weft::train
