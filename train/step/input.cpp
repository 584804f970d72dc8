// SPDX-License-Identifier: Apache-2.0
#include "weft/train/step/input.h"

#include <utility>

#include "weft/data/resident_dataset.h"
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
  const std::vector<float> terms = used.terms(info.sample_dtype);
  if (channels > 0)
    terms_ = Tensor::copy_of(terms, {std::ssize(terms) / channels, channels}).to(device);
}

InputPipeline::InputPipeline(const data::Loader& loader,
                             const std::optional<data::Normalization>& normalization,
                             const Device& device, DType dtype)
    : InputPipeline(data::stored_info(loader.dataset()), normalization, device, dtype) {
  read_from(loader);
}

bool InputPipeline::read_from(const data::Loader& loader) {
  const data::ResidentGather before = std::exchange(gather_, data::ResidentGather(loader));
  return !gather_.is_like(before);
}

InputPipeline::Prepared InputPipeline::operator()(const data::Batch& batch) const {
  const auto [x, target] = gather_.gathers()
                               ? gather_(batch.x.to(device_))
                               : data::Batch{batch.x.to(device_), batch.y.to(device_)};
  return {Variable(x.dtype() == DType::int64 ? x : normalize(x, terms_).to(dtype_)),
          is_floating(target.dtype()) ? target.to(dtype_) : target};
}

}  // namespace weft::train
