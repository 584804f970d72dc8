// SPDX-License-Identifier: Apache-2.0
#include "weft/train/losses/loss.h"

#include "weft/data/resident_dataset.h"

namespace weft::train {

void check_targets(const Loss& loss, const data::Dataset& dataset) {
  const data::DatasetInfo& info = data::stored_info(dataset);
  if (info.classes == 0 && !is_floating(info.target_dtype)) return;
  loss.outputs(info);
}

void check_targets(const Loss& loss, const data::Loader& loader) {
  check_targets(loss, loader.dataset());
  WEFT_CHECK(!loader.options().mix || loss.takes_probabilities(),
             "data.mix: {} given for a loss that takes class labels alone; one that takes a "
             "probability for each class is required (loss.type: classification, without "
             "ignore_index)",
             loader.options().mix.name());
}

}  // namespace weft::train
