// SPDX-License-Identifier: Apache-2.0
// From a batch as the loader gives it to what the model takes: moved to the device, or gathered
// there (data/resident_dataset.h), and normalised.
#pragma once
#include <optional>

#include "weft/autograd/variable.h"
#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/data/resident_dataset.h"

namespace weft::train {

class InputPipeline {
 public:
  // Without a normalization bytes become [0, 1] and numbers stay as they are; tokens always do.
  // Numbers, floating targets too, come out in `dtype`: the model's.
  InputPipeline(const data::DatasetInfo& info,
                const std::optional<data::Normalization>& normalization, const Device& device,
                DType dtype = DType::f32);
  // The same for what the dataset's samples are, wherever they lie, and read_from(dataset).
  InputPipeline(const data::Dataset& dataset,
                const std::optional<data::Normalization>& normalization, const Device& device,
                DType dtype = DType::f32);

  // What later batches are of. Whether samples now lie elsewhere, so that a graph that has read
  // them is of no use.
  bool read_from(const data::Dataset& dataset);
  // What of a batch is read; where that is not all, y is undefined.
  data::Batch read_of(const data::Batch& batch) const {
    return samples_.defined() ? data::Batch{batch.x, {}} : batch;
  }

  struct Prepared {
    Variable x;
    Tensor target;
  };
  Prepared operator()(const data::Batch& batch) const;

 private:
  Tensor factor_, offset_;
  Tensor samples_, targets_;  // of a dataset that lies on the device; otherwise undefined
  Device device_;
  DType dtype_;
};

}  // namespace weft::train
