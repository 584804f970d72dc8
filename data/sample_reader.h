// SPDX-License-Identifier: Apache-2.0
// What a loader does for one sample: reads it, augments it, and finds another one if it cannot be
// read.
#pragma once
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weft/data/loader.h"

namespace weft::data {

// An epoch as its sampler made it.
struct EpochOrder {
  i64 epoch = 0;
  std::vector<i64> indices;
};

class SampleReader {
 public:
  SampleReader(std::shared_ptr<const Dataset> dataset, const LoaderOptions& options);

  const Dataset& dataset() const { return *dataset_; }
  // Of the augmented samples, and of what read() writes: the samples, or, for a ResidentDataset,
  // the rows that stand for them.
  const DatasetInfo& samples() const { return samples_; }
  const DatasetInfo& info() const { return info_; }
  // info().more, leaf by leaf.
  const std::vector<std::pair<std::string, TensorInfo>>& leaves() const { return leaves_; }

  // One per thread.
  struct Scratch {
    std::vector<std::byte> sample;
    AugmentationChain::Scratch pictures;
  };
  // Where a sample is written: itself, its target and an address for each of leaves().
  struct Place {
    std::byte *sample, *target;
    std::span<std::byte* const> leaves;
  };
  // Reads the sample at a position of the epoch, or what takes its place. Thread-safe. Its errors
  // name the sample.
  void read(const EpochOrder& order, i64 position, const Place& place, Scratch& scratch);

 private:
  void read_changed(i64 epoch, i64 index, const Place& place, Scratch& scratch) const;
  void read_sample(i64 index, const Place& place) const;
  void note_bad(i64 index, const char* problem);

  std::shared_ptr<const Dataset> dataset_;
  DatasetInfo samples_, info_;
  std::vector<std::pair<std::string, TensorInfo>> leaves_;
  AugmentationChain augment_;
  u64 seed_;
  BadSamples bad_samples_;
  std::mutex mutex_;
  std::set<i64> bad_;  // indices of samples that could not be read
};

}  // namespace weft::data
