// SPDX-License-Identifier: Apache-2.0
#include "weft/train/predictor.h"

#include "weft/nn/serialize.h"

namespace weft::train {

Predictor::Predictor(ModelCard card, nn::AnyModule model, InputPipeline input)
    : card_(std::move(card)), model_(std::move(model)), input_(std::move(input)) {}

Predictor Predictor::open(const std::string& path, const Device& device) {
  ModelCard card = read_model_card(path, read_safetensors_metadata(path));
  nn::AnyModule model = card.model.make(card.input);
  load(*model, path);
  model->to(device);
  model->eval();
  data::DatasetInfo info;
  info.name = path;
  info.sample = card.input.sample;
  info.sample_dtype = card.sample_dtype;
  InputPipeline input(info, card.normalization, device);
  return {std::move(card), std::move(model), std::move(input)};
}

Tensor Predictor::predict(const Tensor& samples) const {
  const Shape wanted = card_.input.sample.inserted(0, samples.rank() > 0 ? samples.size(0) : 1);
  WEFT_CHECK(samples.shape() == wanted && samples.dtype() == card_.sample_dtype,
             "predict: samples are {} {}; {} {} is required", samples.dtype(), samples.shape(),
             card_.sample_dtype, wanted);
  const NoGrad no_grad;
  return (*model_)(input_({samples, Tensor::empty({samples.size(0)}, DType::int64)}).x).value();
}

}  // namespace weft::train
