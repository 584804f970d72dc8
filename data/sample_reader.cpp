// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sample_reader.h"

#include "weft/core/error.h"
#include "weft/core/files.h"
#include "weft/core/log.h"
#include "weft/data/check.h"
#include "weft/data/random.h"
#include "weft/data/resident_dataset.h"

namespace weft::data {
namespace {

std::vector<std::shared_ptr<const Augmentation>> made(
    const std::vector<AugmentationRecipe>& recipes) {
  std::vector<std::shared_ptr<const Augmentation>> all;
  for (const AugmentationRecipe& recipe : recipes) all.push_back(recipe.make());
  return all;
}

}  // namespace

SampleReader::SampleReader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options)
    : dataset_(std::move(dataset)),
      samples_(stored_info(*dataset_)),
      info_(dataset_->info()),
      augment_(made(options.augment), samples_),
      seed_(options.seed),
      bad_samples_(options.bad_samples) {
  check_info(samples_);
  samples_.sample = augment_.output();
  if (as_resident(*dataset_) == nullptr) info_ = samples_;
  else if (const std::string key = prepared_on_host(options, stored_info(*dataset_)); !key.empty())
    fail(
        "loader: {} given for samples of {} that lie on a device; one that a device can apply is "
        "required (flip, crop, cutout, mixup, cutmix), or samples on the host",
        key, info_.name);
  else if (!augment_.empty())
    info_.sample = {kernels::SampleRows::source_words(std::ssize(options.augment))};
  leaves_ = info_.more.leaves();
  WEFT_CHECK(leaves_.empty() || (augment_.empty() && !options.mix),
             "loader: {} given for {} ({}), whose samples have more tensors ('{}'), which it would "
             "not change alike; neither augment nor mix is required",
             augment_.empty() ? "mix" : "augment", info_.name, info_.split, leaves_.front().first);
}

std::string prepared_on_host(const LoaderOptions& options, const DatasetInfo& info) {
  const AugmentationChain chain(made(options.augment), info);
  if (const std::size_t i = chain.first_without_move(); i < chain.size())
    return "data.augment: " + options.augment[i].name();
  if (!options.mix) return "";
  DatasetInfo augmented = info;
  augmented.sample = chain.output();
  const std::unique_ptr<const Mix> mix = options.mix.make();
  mix->check(augmented);
  Random random{0};
  return mix->draw(augmented, random) ? "" : "data.mix: " + options.mix.name();
}

void SampleReader::read(const EpochOrder& order, i64 position, const Place& place,
                        Scratch& scratch) {
  constexpr int kAttempts = 100;
  i64 index = order.indices[static_cast<std::size_t>(position)];
  Random random{
      key_of(seed_, number_of("bad"), static_cast<u64>(order.epoch), static_cast<u64>(position))};
  for (int attempt = 1;; ++attempt) try {
      return read_changed(order.epoch, index, place, scratch);
    } catch (const Error& error) {
      const bool is_io = dynamic_cast<const IoError*>(&error) != nullptr;
      if (!is_io && dynamic_cast<const UserError*>(&error) == nullptr) throw;
      if (bad_samples_ == BadSamples::error || (is_io && attempt == kAttempts)) throw;
      note_bad(index, error.what());
      WEFT_CHECK(attempt < kAttempts,
                 "{}; {} samples in a row cannot be read, and bad_samples: skip needs one that can",
                 error.what(), kAttempts);
      index = order.indices[static_cast<std::size_t>(random.below(std::ssize(order.indices)))];
    }
}

void SampleReader::read_changed(i64 epoch, i64 index, const Place& place, Scratch& scratch) const {
  if (augment_.empty()) return read_sample(index, place);
  if (info_.sample_dtype == DType::int64) {  // a row: the index, which read_sample() writes, moves
    read_sample(index, place);
    return augment_.draw_moves(place.sample + sizeof index, seed_, epoch, index);
  }
  scratch.sample.resize(static_cast<std::size_t>(dataset_->info().sample_bytes()));
  read_sample(index, {scratch.sample.data(), place.target, place.leaves});
  augment_.apply(reinterpret_cast<const u8*>(scratch.sample.data()),
                 reinterpret_cast<u8*>(place.sample), seed_, epoch, index, scratch.pictures);
}

// Calls read() of the dataset. Its errors name the sample.
void SampleReader::read_sample(i64 index, const Place& place) const {
  const auto& info = dataset_->info();
  const auto named = [&](const char* problem) {
    return fmt::format("loader: sample {} of {} ({}): {}", index, info.name, info.split, problem);
  };
  try {
    dataset_->read(index, place.sample, place.target);
    if (!leaves_.empty()) dataset_->read_more(index, place.leaves);
  } catch (const UserError& error) {
    throw UserError(named(error.what()));
  } catch (const IoError& error) {
    throw IoError(named(error.what()), error.code());
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw InternalError(named(error.what()));
  } catch (const NoMoreSamples&) {  // of a stream; it is no error
    throw;
  } catch (...) {
    throw InternalError(named("read() threw what is no std::exception"));
  }
  check_sample(info, index, place.sample, place.target);
  for (std::size_t i = 0; i < leaves_.size(); ++i)
    check_leaf(info, index, leaves_[i].first, leaves_[i].second, place.leaves[i]);
}

// Warns once of each sample.
void SampleReader::note_bad(i64 index, const char* problem) {
  const std::lock_guard lock(mutex_);
  if (!bad_.insert(index).second) return;
  log_warning("{}; another sample takes its place ({} of {} so far)", problem, bad_.size(),
              dataset_->size());
}

}  // namespace weft::data
