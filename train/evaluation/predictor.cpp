// SPDX-License-Identifier: Apache-2.0
#include "weft/train/evaluation/predictor.h"

#include "weft/nn/serialize.h"

namespace weft::train {

Predictor::Predictor(ModelMetadata metadata, nn::AnyModule model, InputPipeline input)
    : metadata_(std::move(metadata)), model_(std::move(model)), input_(std::move(input)) {}

Predictor Predictor::open(const std::string& path, const Device& device) {
  ModelMetadata metadata = read_model_metadata(path, weights_metadata(path));
  nn::AnyModule model = make_model(metadata, path);
  load(*model, path);
  model->to(device);
  model->eval();
  data::DatasetInfo info;
  info.name = path;
  info.sample = metadata.input.sample;
  info.sample_dtype = metadata.sample_dtype;
  InputPipeline input(info, metadata.normalization, device);
  return {std::move(metadata), std::move(model), std::move(input)};
}

Tensor Predictor::predict(const Tensor& samples) const {
  const Shape wanted = metadata_.input.sample.inserted(0, samples.rank() > 0 ? samples.size(0) : 1);
  WEFT_CHECK(samples.shape() == wanted && samples.dtype() == metadata_.sample_dtype,
             "predict: samples are {} {}; {} {} is required", samples.dtype(), samples.shape(),
             metadata_.sample_dtype, wanted);
  const NoGrad no_grad;
  return (*model_)(input_({samples, Tensor::empty({samples.size(0)}, DType::int64)}).x).value();
}

}  // namespace weft::train
