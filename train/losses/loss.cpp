// SPDX-License-Identifier: Apache-2.0
#include "weft/train/losses/loss.h"

#include "weft/data/resident_dataset.h"

namespace weft::train {

void check_targets(const Loss& loss, const data::Dataset& dataset) {
  const data::DatasetInfo& info = data::stored_info(dataset);
  if (info.classes == 0 && !is_floating(info.target_dtype)) return;
  loss.outputs(info);
}

}  // namespace weft::train
