// SPDX-License-Identifier: Apache-2.0
#include "weft/data/sources.h"
#include "weft/data/tensor_dataset.h"

namespace weft::data {

TrainAndTest labelled_samples(const LabelledSamples& samples,
                              const std::function<i64(i64 i, std::span<float> x)>& make) {
  const auto part = [&](const char* split, i64 first, i64 count) {
    Tensor x = Tensor::empty(samples.sample.inserted(0, count), DType::f32);
    std::vector<i64> labels;
    for (i64 i = 0; i < count; ++i)
      labels.push_back(make(first + i, x.slice(i, i + 1).values<float>()));
    DatasetInfo info;
    info.name = samples.name;
    info.split = split;
    info.classes = samples.classes;
    return std::make_shared<const TensorDataset>(info, x, Tensor::copy_of(labels, {count}));
  };
  WEFT_CHECK(samples.train >= 1 && samples.test >= 0,
             "labelled_samples: {} training and {} test samples given; at least 1 and 0 are "
             "required",
             samples.train, samples.test);
  TrainAndTest both{part("train", 0, samples.train), nullptr};
  if (samples.test > 0) both.test = part("test", samples.train, samples.test);
  return both;
}

}  // namespace weft::data
