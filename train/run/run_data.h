// SPDX-License-Identifier: Apache-2.0
// The data of a run: its three splits, and the normalisation of inputs.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/core/fields.h"
#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/device/device.h"

namespace weft::train {

struct RunConfig;

// The statistics that bring inputs to mean 0 and standard deviation 1: those of the training set,
// those that the weights of model.pretrained were trained with, or none.
enum class Normalize { dataset, pretrained, none };
constexpr EnumNames<3> names_of(Normalize) { return {"dataset", "pretrained", "none"}; }

// Whether all samples are copied to the GPU. auto_: if they fit in a quarter of its free memory.
enum class OnDevice { auto_, always, never };
constexpr EnumNames<3> names_of(OnDevice) { return {"auto", "always", "never"}; }

// The keys of a config's section `data` that every dataset has.
struct DataOptions {
  i64 subset = 0;  // 0: all
  double validation_split = 0;
  Normalize normalize = Normalize::dataset;
  std::vector<data::AugmentationRecipe> augment = {};
  std::optional<data::MixRecipe> mix = {};
  data::SamplerRecipe sampler = data::shuffled();
  bool drop_last = false;
  data::BadSamples bad_samples = data::BadSamples::error;
  i64 workers = 1;
  OnDevice on_device = OnDevice::auto_;
};
void describe(Fields& f, DataOptions& o);

struct RunData {
  std::shared_ptr<const data::Dataset> train, validation, test;  // validation and test may be null
  data::Normalization normalization;
  std::string place;  // data::TrainAndTest::place
  // Indices of the validation samples that a validation before the last one looks at; empty: all.
  std::vector<i64> validation_subset = {};
};

// The names that a saved run has for its labels and for the numbers of a sample; empty where it has
// none.
struct SavedNames {
  std::vector<std::string> classes = {}, inputs = {};
};

// Reads the datasets of a config. Validation samples are held out of the training samples; then
// `subset` and `overfit_batches` cut the remaining ones. Statistics are those of the training
// samples that are not held out, or `known` (those of a saved run). Throws UserError for data that
// cannot be read or is too small.
// `names` are those of a saved run. The vocabulary of a text of characters stays that of the run.
// Throws UserError if the labels or inputs of a table or of folders have other names now, because
// they would mean something else.
//
// `saved_place` is the place that a saved run recorded, from which its data is read again: also
// from another working directory, if data.root is relative or not given. It is empty for a run of
// an older weft. The default data.root of that run, data/<folder>, is read as if none were given.
RunData load_data(const RunConfig& config,
                  const std::optional<data::Normalization>& known = std::nullopt,
                  const std::optional<std::string>& saved_place = std::nullopt,
                  const SavedNames& names = {});

// Returns training and validation samples (which may be null) for the loaders. With data.on_device
// these are copies on the device, which is logged; otherwise, and always on the CPU, the datasets
// themselves. Throws UserError when `always` does not fit.
struct PlacedData {
  std::shared_ptr<const data::Dataset> train, validation;
};
PlacedData place_data(const RunData& data, const DataOptions& options, const Device& device);

}  // namespace weft::train
