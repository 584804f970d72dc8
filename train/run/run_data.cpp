// SPDX-License-Identifier: Apache-2.0
#include "weft/train/run/run_data.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <set>

#include "weft/core/checked.h"
#include "weft/core/log.h"
#include "weft/core/nearest.h"
#include "weft/data/check.h"
#include "weft/data/resident_dataset.h"
#include "weft/data/stream/stream_dataset.h"
#include "weft/data/subset.h"
#include "weft/data/text.h"
#include "weft/device/gpu/gpu.h"
#include "weft/train/checkpoint/model_metadata.h"
#include "weft/train/run/run_config.h"

namespace weft::train {

namespace fs = std::filesystem;

namespace {

// The normalisation with which the pretrained weights of a run were trained.
data::Normalization pretrained_normalization(const RunConfig& config) {
  const std::optional<PretrainedOptions>& pretrained = config.model.common.pretrained;
  WEFT_CHECK(
      pretrained.has_value(),
      "data.normalize: pretrained given without model.pretrained; weights that say what they "
      "were trained with are required");
  return read_model_metadata(pretrained->path, weights_metadata(pretrained->path)).normalization;
}

data::Normalization normalization_of(Normalize chosen, const RunConfig& config,
                                     const data::Dataset* training_set,
                                     const data::DatasetInfo& info) {
  switch (chosen) {
    case Normalize::dataset:
      WEFT_CHECK(training_set != nullptr,
                 "data.normalize: dataset given for a stream alone; none, pretrained, or "
                 "data.stored is required");
      return data::statistics_of(*training_set, config.data.common.bad_samples);
    case Normalize::pretrained: return pretrained_normalization(config);
    case Normalize::none: break;
  }
  return data::no_normalization(info);
}

// Whether a recorded place may be what a relative path meant where the run began.
bool ends_with(const fs::path& place, const fs::path& relative) {
  fs::path end;
  for (const fs::path& name : relative.lexically_normal())
    if (name != ".." && name != "." && !name.empty()) end /= name;
  const auto names_in_end = std::distance(end.begin(), end.end());
  const auto names_in_place = std::distance(place.begin(), place.end());
  return names_in_end <= names_in_place &&
         std::equal(end.begin(), end.end(),
                    std::next(place.begin(), names_in_place - names_in_end));
}

// The data of a saved run, read from where the run read it, if its config does not name the place
// completely.
data::DataRecipe located(data::DataRecipe recipe, const std::string& saved_place) {
  std::string* given = data::text_option(recipe, "root");
  if (given == nullptr) given = data::text_option(recipe, "path");
  if (given == nullptr) return recipe;
  std::string& root = *given;
  // What an older weft had by default, and looked for in $WEFT_DATA_DIR too.
  const bool old_default = (recipe.name() == "mnist" && root == "data/mnist") ||
                           (recipe.name() == "cifar10" && root == "data/cifar-10-batches-bin");
  std::error_code ignored;
  if (saved_place.empty() && old_default) root.clear();
  else if (!saved_place.empty() && !fs::path(root).is_absolute() && ends_with(saved_place, root) &&
           fs::exists(saved_place, ignored))
    root = saved_place;
  return recipe;
}

// The same samples in another place are as good, and weft cannot know whether they are the same.
void warn_of_another_place(const std::string& place, const std::string& saved_place) {
  std::error_code ignored;
  if (place.empty() || saved_place.empty() || fs::path(place) == fs::path(saved_place) ||
      fs::equivalent(place, saved_place, ignored))
    return;
  log_warning("data: read from {}; the run read {} before, {}", place, saved_place,
              fs::exists(saved_place, ignored) ? "which is there too" : "which is not there now");
}

// The key, or the kind of samples, by which only the host can prepare batches; empty if there is
// none.
std::string prepared_on_host(const DataOptions& options, const data::Dataset& training_set) {
  const data::DatasetInfo& info = training_set.info();
  if (data::as_stream(training_set) != nullptr) return "data.type: stream";
  if (!info.more.empty()) return "samples of several tensors";
  if (options.bad_samples == data::BadSamples::skip) return "data.bad_samples: skip";
  return data::prepared_on_host(
      {.augment = options.augment, .mix = options.mix.value_or(data::MixRecipe{})}, info);
}

// The model takes the pictures of training and of validation.
void check_augmentations(const DataOptions& options, const data::DatasetInfo& info) {
  std::vector<std::shared_ptr<const data::Augmentation>> all;
  for (const data::AugmentationRecipe& recipe : options.augment) all.push_back(recipe.make());
  const data::AugmentationChain chain(std::move(all), info);
  WEFT_CHECK(
      chain.output() == info.sample,
      "data.augment: pictures of {} become {}; the same shape, as in validation, is required",
      info.sample, chain.output());
}

// The validation samples that config.validation.subset chooses; empty for all.
std::vector<i64> validation_subset(const RunConfig& config, const data::Dataset* held_out) {
  const i64 wanted = config.validation.subset, size = held_out != nullptr ? held_out->size() : 0;
  WEFT_CHECK(wanted <= size,
             "validation.subset: {} given for {} held-out samples; at most as many as "
             "data.validation_split holds out",
             wanted, size);
  if (wanted == 0 || wanted == size) return {};
  return data::some_indices(*held_out, wanted, static_cast<u64>(config.run.seed));
}

// The stored samples were held out of and cut; the others come while training goes on.
std::shared_ptr<const data::Dataset> streamed(const data::StreamDataset& stream,
                                              std::shared_ptr<const data::Dataset> stored,
                                              const RunConfig& config) {
  const DataOptions& options = config.data.common;
  WEFT_CHECK(config.train.max_steps > 0,
             "train.max_steps: 0 given for data.type: stream; a number of steps is required, "
             "because a stream has no epochs of its own");
  WEFT_CHECK(options.sampler.name() == "shuffled" || options.sampler.name() == "stream",
             "data.sampler: {} given for data.type: stream; none is required, because records are "
             "taken in their order",
             options.sampler.name());
  WEFT_CHECK(options.bad_samples == data::BadSamples::error,
             "data.bad_samples: skip given for data.type: stream; error is required (bad records "
             "are refused when they come)");
  WEFT_CHECK(options.subset == 0 && config.train.overfit_batches == 0,
             "data.subset or train.overfit_batches: given for data.type: stream; 0 is required");
  const i64 samples =
      saturating_product(saturating_product(stream.options().epoch_steps, config.train.batch_size),
                         config.train.accumulate);
  constexpr i64 kMostPerEpoch = i64{1} << 26;  // the indices of an epoch are in memory
  WEFT_CHECK(samples <= kMostPerEpoch,
             "data.epoch_steps: {} given, which are {} samples; at most {} samples are allowed",
             stream.options().epoch_steps, samples, kMostPerEpoch);
  return std::make_shared<const data::StreamDataset>(stream.options(), std::move(stored), samples);
}

// A test of other samples would be noticed after the training.
void check_test(const data::DatasetInfo& train, const data::DatasetInfo& test,
                const std::string& place) {
  const bool same = train.sample == test.sample && train.sample_dtype == test.sample_dtype;
  WEFT_CHECK(same,
             "data: the test samples of {} are {} {} and the training samples {} {}; equal shapes "
             "and types are required",
             place.empty() ? train.name : place, test.sample_dtype, test.sample, train.sample_dtype,
             train.sample);
  WEFT_CHECK(
      train.more == test.more,
      "data: the test samples of {} have other tensors besides x and target than the training "
      "samples; equal names, shapes and types are required",
      place.empty() ? train.name : place);
  const bool same_target = train.target == test.target && train.target_dtype == test.target_dtype &&
                           train.classes == test.classes;
  WEFT_CHECK(
      same_target,
      "data: the test targets of {} are {} {} of {} classes and the training targets {} {} of "
      "{}; equal ones are required",
      place.empty() ? train.name : place, test.target_dtype, test.target, test.classes,
      train.target_dtype, train.target, train.classes);
}

// The first names of `all` that are not among `others`; "none" if there is none.
std::string only_in(const std::vector<std::string>& all, const std::vector<std::string>& others) {
  const std::set<std::string> known(others.begin(), others.end());
  std::vector<std::string> found;
  for (const std::string& name : all)
    if (!known.contains(name)) found.push_back(name);
  return listed(found, 8);
}

void check_same_names(const char* what, const std::vector<std::string>& now,
                      const std::vector<std::string>& saved, const std::string& place) {
  if (saved.empty() || now == saved) return;
  const std::string missing = only_in(saved, now), further = only_in(now, saved);
  const auto differs = std::mismatch(now.begin(), now.end(), saved.begin(), saved.end());
  WEFT_CHECK(missing != "none" || further != "none" || differs.first == now.end() ||
                 differs.second == saved.end(),
             "data: the {} of {} are in another order than those of the saved run ('{}' in the "
             "place of '{}'); the same order is required",
             what, place, *differs.first, *differs.second);
  fail(
      "data: the {} of {} are not those of the saved run (only in the run: {}; only in the data: "
      "{}); the same {} are required",
      what, place, missing, further, what);
}

// Other names would give the outputs or inputs of a trained model another meaning.
void check_names(const data::DatasetInfo& info, const SavedNames& saved, const std::string& place) {
  const std::string where = place.empty() ? info.name : place;
  if (info.labels_by_name) check_same_names("classes", info.class_names, saved.classes, where);
  if (!info.input_names.empty()) check_same_names("inputs", info.input_names, saved.inputs, where);
}

}  // namespace

void describe(Fields& f, DataOptions& o) {
  f("subset", o.subset, "train on this many samples, chosen by the seed; 0: all", non_negative);
  f("validation_split", o.validation_split, "share of the training samples held out for validation",
    from_to_below(0, 1));
  f("normalize", o.normalize,
    "to mean 0 and std 1 by the training set's statistics, or by those that the weights of "
    "model.pretrained were trained with, or not");
  f("augment", o.augment, "random changes of each training picture, in this order", one_or_several);
  f("mix", o.mix, "joins each training sample with another one of its batch; null: not");
  f("sampler", o.sampler, "which training samples an epoch has, and in which order");
  f("drop_last", o.drop_last, "leave out an epoch's last batch if it is not full");
  f("bad_samples", o.bad_samples,
    "a sample that cannot be read ends the run, or another one takes its place");
  f("workers", o.workers, "threads that prepare batches; 0: none", in_range(0, 64));
  f("on_device", o.on_device,
    "whether a GPU holds all samples and gathers batches itself; auto: where a quarter of its "
    "free memory holds them");
}

RunData load_data(const RunConfig& config, const std::optional<data::Normalization>& known,
                  const std::optional<std::string>& saved_place, const SavedNames& names) {
  const DataOptions& options = config.data.common;
  const u64 seed = static_cast<u64>(config.run.seed);
  data::DataRecipe recipe =
      saved_place ? located(config.data.recipe, *saved_place) : config.data.recipe;
  data::keep_vocabulary(recipe, names.classes);
  const data::TrainAndTest splits = recipe.make();
  if (saved_place) warn_of_another_place(splits.place, *saved_place);
  WEFT_CHECK(splits.train != nullptr && splits.train->size() > 0,
             "data: {} has no training samples; at least one "
             "is required",
             config.data.recipe.name());
  data::check_info(data::stored_info(*splits.train));
  if (splits.test != nullptr)
    check_test(data::stored_info(*splits.train), data::stored_info(*splits.test), splits.place);
  const data::StreamDataset* stream = data::as_stream(*splits.train);
  const std::shared_ptr<const data::Dataset> whole = stream ? stream->stored() : splits.train;
  if (whole != nullptr) check_names(whole->info(), names, splits.place);
  RunData result{whole, nullptr, splits.test, {}, splits.place, {}};
  if (options.validation_split > 0) {
    WEFT_CHECK(whole != nullptr,
               "data.validation_split: {} given for a stream alone; data.stored, of which samples "
               "are held out, is required",
               options.validation_split);
    data::ValidationSplit split = data::hold_out(whole, options.validation_split, seed);
    result.train = split.train;
    result.validation = split.validation;
  }
  result.validation_subset = validation_subset(config, result.validation.get());
  const std::shared_ptr<const data::Dataset> not_held_out = result.train;
  if (stream != nullptr) result.train = streamed(*stream, result.train, config);
  if (options.subset > 0) result.train = data::some_samples(result.train, options.subset, seed);
  if (config.train.overfit_batches > 0) {
    const i64 samples = saturating_product(config.train.overfit_batches, config.train.batch_size);
    result.train = data::first_samples(result.train, std::min(samples, result.train->size()));
  }
  WEFT_CHECK(config.train.batch_size <= result.train->size(),
             "train.batch_size: {} given for {} training samples; at most as many as there are",
             config.train.batch_size, result.train->size());
  check_augmentations(options, result.train->info());
  result.normalization =
      known ? *known
            : normalization_of(options.normalize, config, not_held_out.get(), result.train->info());
  return result;
}

PlacedData place_data(const RunData& data, const DataOptions& options, const Device& device) {
  PlacedData placed{data.train, data.validation};
  if constexpr (kHasCuda) {
    if (std::holds_alternative<Cpu>(device) || options.on_device == OnDevice::never) return placed;
    if (const std::string key = prepared_on_host(options, *data.train); !key.empty()) {
      WEFT_CHECK(
          options.on_device == OnDevice::auto_,
          "data.on_device: always given with {}, which only the host can apply; auto or never is "
          "required",
          key);
      log_info("data: samples stay on the host, because only it can apply {}", key);
      return placed;
    }
    const bool validates = data.validation != nullptr;
    const i64 bytes =
        data::bytes_in(*data.train) + (validates ? data::bytes_in(*data.validation) : 0);
    const i64 free_bytes = gpu::memory_info().free_bytes;
    const std::string samples = fmt::format(
        "{} training and {} validation samples ({:.1f} MiB)", data.train->size(),
        validates ? data.validation->size() : 0, static_cast<double>(bytes) / (1 << 20));
    const double free_mib = static_cast<double>(free_bytes) / (1 << 20);
    WEFT_CHECK(options.on_device == OnDevice::auto_ || bytes <= free_bytes,
               "data.on_device: always given for {}, and the device has {:.1f} MiB free; auto or "
               "never is required",
               samples, free_mib);
    if (options.on_device == OnDevice::auto_ && bytes > free_bytes / 4) {
      log_info("data: {} stay on the host; a quarter of the device's {:.1f} free MiB is less",
               samples, free_mib);
      return placed;
    }
    const auto on_device = [&](const data::Dataset& dataset) {
      return std::make_shared<const data::ResidentDataset>(dataset, device, options.workers);
    };
    placed.train = on_device(*data.train);
    if (validates) placed.validation = on_device(*data.validation);
    log_info("data: {} lie on the device; batches are gathered there", samples);
  }
  return placed;
}

}  // namespace weft::train
