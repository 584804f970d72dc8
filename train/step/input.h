// SPDX-License-Identifier: Apache-2.0
// Converts a batch of the loader to inputs of the model: moves it to the device, or gathers it
// there (data/resident_gather.h), and normalises it.
#pragma once
#include <optional>

#include "weft/autograd/variable.h"
#include "weft/data/loader.h"
#include "weft/data/normalize.h"
#include "weft/data/resident_gather.h"

namespace weft::train {

class InputPipeline {
 public:
  // Without a normalization, bytes are mapped to [0, 1] and floating values stay unchanged. Tokens
  // always stay unchanged. Floating inputs and targets are converted to `dtype`, the model's.
  InputPipeline(const data::DatasetInfo& info,
                const std::optional<data::Normalization>& normalization, const Device& device,
                DType dtype = DType::f32);
  // The same for the samples of a loader, whose dataset may lie on the device, followed by
  // read_from(loader).
  InputPipeline(const data::Loader& loader, const std::optional<data::Normalization>& normalization,
                const Device& device, DType dtype = DType::f32);

  // Sets the loader of later batches. Returns true if they are gathered from other device storage,
  // or otherwise, which invalidates captured graphs.
  bool read_from(const data::Loader& loader);
  // The part of a batch that the step reads. For a device dataset y is undefined, because its
  // targets are gathered on the device.
  data::Batch read_of(const data::Batch& batch) const {
    return gather_.gathers() ? data::Batch{batch.x, {}} : batch;
  }

  struct Prepared {
    Variable x;
    Tensor target;
  };
  Prepared operator()(const data::Batch& batch) const;
  // The further tensors of a batch on the device, floating ones in `dtype`.
  TensorTree more_of(const data::Batch& batch) const { return batch.more.to(device_).cast(dtype_); }

 private:
  Tensor terms_;
  data::ResidentGather gather_;
  Device device_;
  DType dtype_;
};

}  // namespace weft::train
