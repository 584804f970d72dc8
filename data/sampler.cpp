// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sampler.h"

#include <algorithm>
#include <numeric>

#include "weft/core/error.h"
#include "weft/data/check.h"
#include "weft/data/random.h"
#include "weft/data/slow_pass.h"

namespace weft::data {
namespace {

void shuffle(std::vector<i64>& order, u64 seed, i64 epoch) {
  Random random{key_of(seed, number_of("shuffle"), static_cast<u64>(epoch))};
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(order[i - 1], order[static_cast<std::size_t>(random.below(static_cast<i64>(i)))]);
}

class Sequential final : public Sampler {
 public:
  void fill(std::vector<i64>& order, u64, i64) const override {
    std::iota(order.begin(), order.end(), i64{0});
  }
  bool mixes() const override { return false; }
};

// Starts from the identity, so that an epoch's order does not depend on the epochs before it.
class Shuffled final : public Sampler {
 public:
  void fill(std::vector<i64>& order, u64 seed, i64 epoch) const override {
    std::iota(order.begin(), order.end(), i64{0});
    shuffle(order, seed, epoch);
  }
};

class Weighted final : public Sampler {
 public:
  explicit Weighted(const WeightedOptions& options) : options_(options) {}

  void prepare(const Dataset& dataset) override {
    Sampler::prepare(dataset);
    const DatasetInfo& info = dataset.info();
    WEFT_CHECK(info.has_labels() && info.target.rank() == 0,
               "sampler: weighted given for {}, whose targets are {}; one label per sample is "
               "required",
               info.name, info.has_labels() ? "several labels" : "numbers");
    const auto classes = static_cast<std::size_t>(info.classes);
    WEFT_CHECK(options_.weights.empty() || options_.weights.size() == classes,
               "sampler: {} weights for {}, which has {} classes; one per class is required",
               options_.weights.size(), info.name, classes);
    std::vector<std::size_t> labels;
    std::vector<double> counts(classes);
    SlowPass pass(fmt::format("data.sampler: the labels of {} ({})", info.name, info.split),
                  dataset.size());
    for (i64 i = 0; i < dataset.size(); ++i) {
      pass.note(i);
      i64 label = 0;
      dataset.read_target(i, &label);
      check_target(info, i, &label);
      labels.push_back(static_cast<std::size_t>(label));
      ++counts[labels.back()];
    }
    double sum = 0;
    for (const std::size_t label : labels)
      sums_.push_back(sum +=
                      options_.weights.empty() ? 1 / counts[label] : options_.weights[label]);
    WEFT_CHECK(sum > 0, "sampler: no sample of {} has a weight above 0; at least one is required",
               info.name);
  }
  i64 samples() const override { return options_.samples > 0 ? options_.samples : dataset_size(); }
  void fill(std::vector<i64>& order, u64 seed, i64 epoch) const override {
    Random random{key_of(seed, number_of("weighted"), static_cast<u64>(epoch))};
    for (i64& index : order) {
      // The first sample whose running sum is above: one of weight 0 is never chosen.
      const auto chosen =
          std::upper_bound(sums_.begin(), sums_.end(), random.uniform() * sums_.back());
      index = std::min<i64>(chosen - sums_.begin(), dataset_size() - 1);
    }
  }

 private:
  WeightedOptions options_;
  std::vector<double> sums_;  // of the weights up to each sample
};

class SomeSamples final : public Sampler {
 public:
  explicit SomeSamples(const SubsetOptions& options) : options_(options) {}

  void prepare(const Dataset& dataset) override {
    Sampler::prepare(dataset);
    for (const i64 index : options_.indices)
      WEFT_CHECK(index < dataset.size(), "sampler: index {} of {}; 0 to {} is required", index,
                 dataset.info().name, dataset.size() - 1);
  }
  i64 samples() const override { return static_cast<i64>(options_.indices.size()); }
  void fill(std::vector<i64>& order, u64 seed, i64 epoch) const override {
    order = options_.indices;
    shuffle(order, seed, epoch);
  }

 private:
  SubsetOptions options_;
};

const bool registered = Registry<Sampler>::add<Sequential>("sequential") &&
                        Registry<Sampler>::add<Shuffled>("shuffled") &&
                        Registry<Sampler>::add<Weighted, WeightedOptions>("weighted") &&
                        Registry<Sampler>::add<SomeSamples, SubsetOptions>("subset");

}  // namespace

void describe(Fields& f, WeightedOptions& o) {
  f("weights", o.weights, "one per class; empty: each class is equally often", non_negative);
  f("samples", o.samples, "of an epoch; 0: as many as there are", non_negative);
}

void describe(Fields& f, SubsetOptions& o) {
  f("indices", o.indices, "of the samples, from 0", required(non_negative));
  f.rule(!o.indices.empty(), "indices", "at least one index");
}

SamplerRecipe sequential() { return SamplerRecipe::of("sequential"); }
SamplerRecipe shuffled() { return SamplerRecipe::of("shuffled"); }
SamplerRecipe weighted(const WeightedOptions& options) {
  return SamplerRecipe::of("weighted", options);
}
SamplerRecipe subset(const SubsetOptions& options) { return SamplerRecipe::of("subset", options); }

}  // namespace weft::data
