// SPDX-License-Identifier: Apache-2.0
// From a batch as the loader gives it to what the model takes: moved to the device, normalised there.
#pragma once
#include <optional>

#include "weft/autograd/variable.h"
#include "weft/data/loader.h"
#include "weft/data/normalize.h"

namespace weft::train {

class InputPipeline {
 public:
  // Without a normalization bytes become [0, 1] and numbers stay as they are; tokens always do.
  // Numbers, floating targets too, come out in `dtype`: the model's.
  InputPipeline(const data::DatasetInfo& info,
                const std::optional<data::Normalization>& normalization, const Device& device,
                DType dtype = DType::f32);

  struct Prepared {
    Variable x;
    Tensor target;
  };
  Prepared operator()(const data::Batch& batch) const;

 private:
  Tensor factor_, offset_;
  Device device_;
  DType dtype_;
};

}  // namespace weft::train
