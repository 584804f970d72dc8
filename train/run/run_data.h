// SPDX-License-Identifier: Apache-2.0
// The data of a run: its three splits, and what inputs are normalised with.
#pragma once
#include <memory>

#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

struct RunData {
  std::shared_ptr<const data::Dataset> train, validation, test;  // validation and test may be null
  data::Normalization normalization;
};

// Reads the datasets of a config: validation is held out of the training samples, then `subset` and
// `overfit_batches` cut what remains. Statistics are those of the whole training split, or `known` ones (a
// saved run's). Throws UserError for data that cannot be read or is too small.
RunData load_data(const RunConfig& config,
                  const std::optional<data::Normalization>& known = std::nullopt);

// Training and validation samples (which may be null) as loaders are to read them: copies on the device where
// data.on_device has it so, with a line in the log, otherwise themselves. On the CPU always themselves. Throws
// UserError when `always` does not fit.
struct PlacedData {
  std::shared_ptr<const data::Dataset> train, validation;
};
PlacedData place_data(const RunData& data, const DataSection& section, const Device& device);

}  // namespace weft::train
