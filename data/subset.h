// SPDX-License-Identifier: Apache-2.0
// Subset: some samples of another dataset. hold_out() splits off training samples for validation.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "weft/data/dataset.h"

namespace weft::data {

class Subset : public Dataset {
 public:
  // The samples of `whole` at `indices`, in that order. An index may occur twice. `split` renames
  // the split, if not empty. Throws UserError for an index out of range.
  Subset(std::shared_ptr<const Dataset> whole, std::vector<i64> indices,
         const std::string& split = "");

  i64 size() const override { return static_cast<i64>(indices_.size()); }
  const DatasetInfo& info() const override { return info_; }
  void read(i64 index, void* sample, void* target) const override;
  void read_more(i64 index, std::span<std::byte* const> leaves) const override;
  void read_target(i64 index, void* target) const override;

  std::span<const i64> indices() const { return indices_; }

 private:
  std::shared_ptr<const Dataset> whole_;
  std::vector<i64> indices_;
  DatasetInfo info_;
};

// The first `count` samples. Throws UserError if there are fewer.
std::shared_ptr<const Dataset> first_samples(std::shared_ptr<const Dataset> whole, i64 count);

// The indices of `count` samples, ascending, a function of (seed, labels). Every class has its
// share, to within one sample. Throws UserError if there are fewer.
std::vector<i64> some_indices(const Dataset& whole, i64 count, u64 seed);
// The samples at some_indices().
std::shared_ptr<const Dataset> some_samples(std::shared_ptr<const Dataset> whole, i64 count,
                                            u64 seed);

struct ValidationSplit {
  std::shared_ptr<const Dataset> train;       // split name as before
  std::shared_ptr<const Dataset> validation;  // split name "validation"
};

// Holds out round(fraction × size) samples, a function of (seed, labels). Both parts keep the order
// of the whole. With labels and `stratified`, every class has its share, to within one sample.
// Where samples overlap (DatasetInfo), the last ones are held out, and those before them that share
// targets with them are in neither part. Throws UserError unless 0 <
// fraction < 1 and both parts have a sample.
ValidationSplit hold_out(std::shared_ptr<const Dataset> whole, double fraction, u64 seed,
                         bool stratified = true);

// round(fraction × count) of the numbers in [0, count), ascending: the samples held out for the
// test of a dataset that has none of its own. They are the same in every run, whatever its seed, so
// that runs can be compared. Throws UserError unless both parts have a sample.
std::vector<i64> test_samples(i64 count, double fraction);

}  // namespace weft::data
