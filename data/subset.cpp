// SPDX-License-Identifier: Apache-2.0
#include "weft/data/subset.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "weft/core/error.h"
#include "weft/data/check.h"
#include "weft/data/random.h"
#include "weft/data/slow_pass.h"
#include "weft/data/sources.h"

namespace weft::data {
namespace {

// The samples of each class; everything in one group without labels.
std::vector<std::vector<i64>> groups_of(const Dataset& dataset, bool by_label) {
  const auto& info = dataset.info();
  if (!by_label || !info.has_labels() || info.target.rank() > 0) {
    std::vector<i64> all(static_cast<std::size_t>(dataset.size()));
    std::iota(all.begin(), all.end(), i64{0});
    return {std::move(all)};
  }
  std::vector<std::vector<i64>> groups(static_cast<std::size_t>(info.classes));
  SlowPass pass(fmt::format("data: the labels of {} ({})", info.name, info.split), dataset.size());
  for (i64 i = 0; i < dataset.size(); ++i) {
    pass.note(i);
    i64 label = 0;
    dataset.read_target(i, &label);
    check_target(info, i, &label);
    groups[static_cast<std::size_t>(label)].push_back(i);
  }
  return groups;
}

struct Choice {
  std::vector<i64> chosen, rest;  // ascending
};

// `total` samples by `key`; from every group its share, to within one sample.
Choice choose(std::vector<std::vector<i64>> groups, i64 total, u64 key) {
  double size = 0, seen = 0;
  for (const auto& group : groups) size += static_cast<double>(group.size());
  Choice result;
  u64 number = 0;
  for (auto& group : groups) {
    Random random{key_of(key, number++)};
    for (std::size_t i = group.size(); i > 1; --i)
      std::swap(group[i - 1], group[static_cast<std::size_t>(random.below(static_cast<i64>(i)))]);
    // Rounded on the running total: the shares of the groups add up to `total`.
    seen += static_cast<double>(group.size());
    const i64 so_far = std::llround(static_cast<double>(total) * seen / size);
    const i64 share = so_far - static_cast<i64>(result.chosen.size());
    const auto border = group.begin() + std::clamp<i64>(share, 0, std::ssize(group));
    result.chosen.insert(result.chosen.end(), group.begin(), border);
    result.rest.insert(result.rest.end(), border, group.end());
  }
  std::sort(result.chosen.begin(), result.chosen.end());
  std::sort(result.rest.begin(), result.rest.end());
  return result;
}

void check_count(const Dataset& whole, i64 count) {
  WEFT_CHECK(count > 0 && count <= whole.size(),
             "subset: {} samples of {} ({}) were asked for; 1 to {} is required", count,
             whole.info().name, whole.info().split, whole.size());
}

}  // namespace

Subset::Subset(std::shared_ptr<const Dataset> whole, std::vector<i64> indices,
               const std::string& split)
    : whole_(std::move(whole)), indices_(std::move(indices)), info_(whole_->info()) {
  if (!split.empty()) info_.split = split;
  for (const i64 index : indices_)
    WEFT_CHECK(index >= 0 && index < whole_->size(),
               "subset: index {} of {} ({}); 0 to {} is required", index, info_.name,
               whole_->info().split, whole_->size() - 1);
}

void Subset::read(i64 index, void* sample, void* target) const {
  check_index(info_, index, size());
  whole_->read(indices_[static_cast<std::size_t>(index)], sample, target);
}

void Subset::read_more(i64 index, std::span<std::byte* const> leaves) const {
  check_index(info_, index, size());
  whole_->read_more(indices_[static_cast<std::size_t>(index)], leaves);
}

void Subset::read_target(i64 index, void* target) const {
  check_index(info_, index, size());
  whole_->read_target(indices_[static_cast<std::size_t>(index)], target);
}

std::shared_ptr<const Dataset> first_samples(std::shared_ptr<const Dataset> whole, i64 count) {
  check_count(*whole, count);
  std::vector<i64> indices(static_cast<std::size_t>(count));
  std::iota(indices.begin(), indices.end(), i64{0});
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

std::vector<i64> some_indices(const Dataset& whole, i64 count, u64 seed) {
  check_count(whole, count);
  return choose(groups_of(whole, true), count, key_of(seed, number_of("subset"))).chosen;
}

std::shared_ptr<const Dataset> some_samples(std::shared_ptr<const Dataset> whole, i64 count,
                                            u64 seed) {
  std::vector<i64> indices = some_indices(*whole, count, seed);
  return std::make_shared<Subset>(std::move(whole), std::move(indices));
}

ValidationSplit hold_out(std::shared_ptr<const Dataset> whole, double fraction, u64 seed,
                         bool stratified) {
  const auto& info = whole->info();
  const i64 size = whole->size();
  WEFT_CHECK(fraction > 0 && fraction < 1,
             "validation_split: {} was given; a part of the training samples, between 0 and 1, is "
             "required",
             fraction);
  const i64 total = std::llround(fraction * static_cast<double>(size));
  WEFT_CHECK(total > 0 && total < size,
             "validation_split: {} of the {} samples of {} ({}) is {}; at least one sample for "
             "training and one for "
             "validation are required",
             fraction, size, info.name, info.split, total);

  Choice choice;
  if (info.overlaps) {
    choice.rest = groups_of(*whole, false).front();
    const i64 kept = size - total - info.shared_targets;
    WEFT_CHECK(kept > 0,
               "validation_split: {} of the {} samples of {} ({}) is {}, and {} before them share "
               "targets with them; at least one more for training is required",
               fraction, size, info.name, info.split, total, info.shared_targets);
    choice.chosen.assign(choice.rest.end() - total, choice.rest.end());
    choice.rest.resize(static_cast<std::size_t>(kept));
  } else {
    choice = choose(groups_of(*whole, stratified), total, key_of(seed, number_of("validation")));
  }
  return {std::make_shared<Subset>(whole, std::move(choice.rest)),
          std::make_shared<Subset>(whole, std::move(choice.chosen), "validation")};
}

std::vector<i64> test_samples(i64 count, double fraction) {
  const i64 total = std::llround(fraction * static_cast<double>(count));
  WEFT_CHECK(
      total > 0 && total < count,
      "data.test_split: {} of {} samples is {}; at least one sample for training and one for the "
      "test are required",
      fraction, count, total);
  std::vector<i64> all(static_cast<std::size_t>(count));
  std::iota(all.begin(), all.end(), i64{0});
  return choose({std::move(all)}, total, key_of(number_of("test"))).chosen;
}

void hold_out_test(TrainAndTest& data, double fraction) {
  if (fraction == 0) return;
  const i64 count = data.train->size();
  std::vector<i64> held_out = test_samples(count, fraction), rest;
  for (i64 i = 0; i < count; ++i)
    if (!std::binary_search(held_out.begin(), held_out.end(), i)) rest.push_back(i);
  data.test = std::make_shared<Subset>(data.train, std::move(held_out), "test");
  data.train = std::make_shared<Subset>(data.train, std::move(rest));
}

}  // namespace weft::data
