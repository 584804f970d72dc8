// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/input.h"

#include <utility>

#include "weft/tensor/ops.h"

namespace weft::train {

InputPipeline::InputPipeline(const data::DatasetInfo& info,
                             const std::optional<data::Normalization>& normalization,
                             const Device& device, DType dtype)
    : device_(device), dtype_(dtype) {
  const data::Normalization used = normalization ? *normalization : data::no_normalization(info);
  const i64 channels = info.channels();
  WEFT_CHECK(static_cast<i64>(used.mean.size()) == channels,
             "normalize: statistics of {} channels for {}, whose samples are {}; {} are required",
             used.mean.size(), info.name, info.sample, channels);
  std::vector<float> factor, offset;
  for (std::size_t c = 0; c < used.mean.size(); ++c) {
    factor.push_back(static_cast<float>(used.factor(c, info.sample_dtype)));
    offset.push_back(static_cast<float>(used.offset(c)));
  }
  factor_ = Tensor::copy_of(factor, {channels}).to(device);
  offset_ = Tensor::copy_of(offset, {channels}).to(device);
}

InputPipeline::InputPipeline(const data::Dataset& dataset,
                             const std::optional<data::Normalization>& normalization,
                             const Device& device, DType dtype)
    : InputPipeline(data::stored_info(dataset), normalization, device, dtype) {
  read_from(dataset);
}

bool InputPipeline::read_from(const data::Dataset& dataset) {
  const data::ResidentDataset* resident = data::as_resident(dataset);
  const Tensor before = std::exchange(samples_, resident ? resident->samples() : Tensor());
  targets_ = resident ? resident->targets() : Tensor();
  return !samples_.shares_storage_with(before);
}

InputPipeline::Prepared InputPipeline::operator()(const data::Batch& batch) const {
  Tensor x = batch.x.to(device_), target;
  if (samples_.defined()) {
    target = gather_rows(targets_, x);
    x = gather_rows(samples_, x);
  } else {
    target = batch.y.to(device_);
  }
  return {Variable(x.dtype() == DType::int64 ? x : normalize(x, factor_, offset_).to(dtype_)),
          is_floating(target.dtype()) ? target.to(dtype_) : target};
}

}  // namespace weft::train
