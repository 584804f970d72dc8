// SPDX-License-Identifier: Apache-2.0
// Sampler: which samples an epoch has, and in which order.
//
//   data: {type: image_folder, root: pictures, sampler: {type: weighted}}
#pragma once
#include <memory>
#include <vector>

#include "weft/core/registry.h"
#include "weft/data/dataset.h"

namespace weft::data {

class Sampler {
 public:
  static constexpr const char* kKind = "sampler";
  virtual ~Sampler() = default;

  // Called once, before the others. Throws UserError for a dataset that the options do not fit.
  virtual void prepare(const Dataset& dataset) { size_ = dataset.size(); }
  // The number of samples of an epoch; the same for each.
  virtual i64 samples() const { return size_; }
  // Their indices, a function of (seed, epoch). `order` has samples() entries.
  virtual void fill(std::vector<i64>& order, u64 seed, i64 epoch) const = 0;
  // Whether an epoch may have samples in another order than that of the dataset.
  virtual bool mixes() const { return true; }

 protected:
  i64 dataset_size() const { return size_; }

 private:
  i64 size_ = 0;
};

using SamplerRecipe = Recipe<Sampler>;

// Every sample, in the order of the dataset.
SamplerRecipe sequential();

// Every sample, in another order each epoch.
SamplerRecipe shuffled();

// Samples drawn with replacement. The chance of a sample is its class's weight.
struct WeightedOptions {
  std::vector<double> weights = {};  // of each class; empty: so that all classes are equally often
  i64 samples = 0;                   // of an epoch; 0: as many as the dataset has
};
void describe(Fields& f, WeightedOptions& o);
SamplerRecipe weighted(const WeightedOptions& options = {});

// Some of the samples, in another order each epoch.
struct SubsetOptions {
  std::vector<i64> indices = {};
};
void describe(Fields& f, SubsetOptions& o);
SamplerRecipe subset(const SubsetOptions& options);

}  // namespace weft::data
